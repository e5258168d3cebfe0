// cbr_fetch() and cbr_load(): a publication becomes rows of t_currency. Fetch and read first, write last: nothing is
// locked while the network is waited for.
#include <ctime>

#include "pg/arguments.h"
#include "pg/guard.h"
#include "pg/network.h"
#include "pg/store.h"

namespace cbr::pg {
namespace {

// What run_core() leaves for the part that writes.
struct Stock {
    Publication publication; // reduced to the currencies selected
    std::vector<std::string> notices;
    Origin origin;

    void select(const CurrencySelection &selection)
    {
        for (const std::string &code : keep_selected(publication, selection))
            notices.push_back("the publication of " + publication.effective_date.iso() + " does not quote " + code);
    }
};

Datum store_stock(FunctionCallInfo fcinfo, const Stock &stock)
{
    for (const std::string &notice : stock.notices)
        ereport(NOTICE, (errmsg("%s", notice.c_str())));
    const Publication &publication = stock.publication;
    const int count = static_cast<int>(publication.rates.size());
    auto *rates = static_cast<DatedRate *>(palloc(sizeof(DatedRate) * static_cast<Size>(count)));
    for (int i = 0; i < count; ++i) {
        const Rate &rate = publication.rates[static_cast<std::size_t>(i)];
        rates[i] = {&rate, stock.origin.requested_date.value_or(publication.effective_date), publication.effective_date,
                    rate.nominal, &rate.value};
    }
    SPI_connect();
    Store store(get_func_namespace(fcinfo->flinfo->fn_oid));
    Stored stored;
    store.put(rates, count, stored);
    store.log(stock.origin, stored);
    SPI_finish();
    return Int32GetDatum(stored.rates);
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(cbr_fetch);
Datum cbr_fetch(PG_FUNCTION_ARGS)
{
    const std::optional<Date> on_date = date_argument(fcinfo, 0);
    const CurrencyArgument currencies = currencies_argument(fcinfo, 1);
    ensure_may_store("cbr_fetch()");
    auto *stock = make_owned<Stock>();
    run_network([&] {
        const CurrencySelection selection = selection_of(currencies);
        FetchedPublication fetched = fetch_daily(bank(), on_date);
        stock->publication = std::move(fetched.publication);
        stock->select(selection);
        stock->origin.url = std::move(fetched.answer.url);
        stock->origin.requested_date = on_date;
        stock->origin.effective_date = stock->publication.effective_date;
        stock->origin.http_status = static_cast<int>(fetched.answer.status);
        stock->origin.duration_ms = static_cast<int>(fetched.answer.duration.count());
        stock->origin.bytes = static_cast<std::int64_t>(fetched.bytes);
    });
    return store_stock(fcinfo, *stock);
}

PG_FUNCTION_INFO_V1(cbr_load);
Datum cbr_load(PG_FUNCTION_ARGS)
{
    if (PG_ARGISNULL(0))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("document must not be NULL")));
    const std::string_view document = document_argument(fcinfo, 0);
    const std::optional<Date> on_date = date_argument(fcinfo, 1);
    const CurrencyArgument currencies = currencies_argument(fcinfo, 2);
    ensure_may_store("cbr_load()");
    auto *stock = make_owned<Stock>();
    run_core([&] {
        const CurrencySelection selection = selection_of(currencies);
        const DocumentSource source = given_document(document);
        stock->publication = read_daily(document, source);
        if (on_date) {
            ensure_in_archive(*on_date);
            ensure_in_force(stock->publication, *on_date, today_in_moscow(std::time(nullptr)), source);
        }
        stock->select(selection);
        stock->origin.requested_date = on_date;
        stock->origin.effective_date = stock->publication.effective_date;
        stock->origin.bytes = static_cast<std::int64_t>(document.size());
    });
    return store_stock(fcinfo, *stock);
}

} // extern "C"

} // namespace cbr::pg
