// core/metals: prices are of the range that was asked for, in ascending order of days and metals, none of them twice;
// and they read the same when they are written again, whatever the order.
#include "core/metals.h"
#include "documents.h"

#include <algorithm>
#include <array>
#include <utility>

namespace cbr {
namespace {

using Prices = std::vector<MetalPrice>;

const DateRange asked{calendar_day(2026, 3, 1), calendar_day(2026, 3, 5)}; // as the seeds do
constexpr std::array<std::string_view, 4> metals{"gold", "silver", "platinum", "palladium"};

std::optional<Prices> read(std::string_view bytes, DateRange range = asked)
{
    return outcome(bytes, [&](const DocumentSource &source) { return read_metals(bytes, source, range); });
}

// From 1 on.
std::ptrdiff_t code_of(const MetalPrice &price)
{
    return std::find(metals.begin(), metals.end(), price.metal) - metals.begin() + 1;
}

// yyyymmdd
std::string compact(Date date)
{
    const std::string iso = date.iso();
    return iso.substr(0, 4) + iso.substr(5, 2) + iso.substr(8);
}

std::string written_backwards(const Prices &prices)
{
    std::string document = "<Metall FromDate=\"" + compact(asked.first) + "\" ToDate=\"" + compact(asked.last) + "\">";
    for (auto price = prices.rbegin(); price != prices.rend(); ++price)
        document += "<Record Code=\"" + std::to_string(code_of(*price)) + "\" Date=\"" + price->date.request() + "\">" +
                    element("Sell", price->sell) + element("Buy", price->buy) + "</Record>";
    return document + "</Metall>";
}

bool same(const MetalPrice &a, const MetalPrice &b)
{
    return a.date == b.date && std::string_view(a.metal) == b.metal && a.buy == b.buy && a.sell == b.sell;
}

void check_prices(const Prices &prices)
{
    for (const MetalPrice &price : prices) {
        ensure(is_within(price.date, asked), "a price is in the range");
        ensure(code_of(price) <= 4, "the metal is one of four");
        check_value(price.buy);
        check_value(price.sell);
    }
    const auto place = [](const MetalPrice &price) { return std::pair(price.date, code_of(price)); };
    for (std::size_t i = 1; i < prices.size(); ++i)
        ensure(place(prices[i - 1]) < place(prices[i]), "days ascend, and metals within a day");
}

void check(std::string_view bytes)
{
    const std::optional<Prices> prices = read(bytes);
    if (!prices)
        return;
    check_prices(*prices);
    const std::optional<Prices> again = read(written_backwards(*prices));
    ensure(again && std::equal(prices->begin(), prices->end(), again->begin(), again->end(), same),
           "what was written again reads the same");
    for (const DateRange other : neighbours(asked))
        ensure(!read(bytes, other), "it is about no other range");
}

} // namespace
} // namespace cbr

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    cbr::check(cbr::as_text(data, size));
    return 0;
}
