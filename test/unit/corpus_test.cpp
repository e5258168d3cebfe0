// Reads the real answers in the directory that CBR_CORPUS names, if it does: its INDEX.csv says which documents are
// well-formed, its rates.csv says what is true. Nothing of them is part of the project.
#include "core/catalogue.h"
#include "core/currency.h"
#include "core/daily.h"
#include "core/dynamic.h"
#include "core/key_rate.h"
#include "core/metals.h"
#include "core/text.h"
#include "expectations.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <vector>

namespace cbr {
namespace {

using Row = std::map<std::string, std::string>;

std::string contents(const std::string &path)
{
    std::ifstream file(path, std::ios::binary);
    EXPECT_TRUE(file.is_open()) << path;
    return {std::istreambuf_iterator<char>(file), {}};
}

// Comma-separated values with a header line; quoted fields may hold commas, line ends, and quotes written twice.
std::vector<Row> rows_of(const std::string &csv)
{
    std::vector<std::vector<std::string>> lines(1, {""});
    bool quoted = false;
    for (std::size_t i = 0; i < csv.size(); ++i) {
        const char c = csv[i];
        if (c == '"' && quoted && i + 1 < csv.size() && csv[i + 1] == '"')
            lines.back().back() += csv[++i];
        else if (c == '"')
            quoted = !quoted;
        else if (c == ',' && !quoted)
            lines.back().emplace_back();
        else if (c == '\n' && !quoted)
            lines.push_back({""});
        else if (c != '\r' || quoted)
            lines.back().back() += c;
    }
    std::vector<Row> rows;
    for (std::size_t line = 1; line < lines.size(); ++line)
        if (lines[line].size() == lines[0].size()) {
            rows.emplace_back();
            for (std::size_t column = 0; column < lines[0].size(); ++column)
                rows.back()[lines[0][column]] = lines[line][column];
        }
    return rows;
}

// "12.0000" and "12" are one number.
std::string without_trailing_zeros(std::string number)
{
    if (contains(number, ".")) {
        number.erase(number.find_last_not_of('0') + 1);
        if (number.back() == '.')
            number.pop_back();
    }
    return number;
}

// Saved by someone as UTF-8 with U+FFFD for every letter, under the old declaration: well-formed, and yet not to be
// read.
bool has_lost_its_names(const std::string &file) { return contains(file, "mojibake"); }

bool must_be_read(const Row &row) { return row.at("well_formed") == "yes" && !has_lost_its_names(row.at("file")); }

class Corpus : public testing::Test {
protected:
    void SetUp() override
    {
        const char *directory = std::getenv("CBR_CORPUS");
        if (!directory || !*directory)
            GTEST_SKIP() << "CBR_CORPUS names no directory of real answers";
        directory_ = directory;
        index_ = rows_of(contents(directory_ + "/INDEX.csv"));
        ASSERT_FALSE(index_.empty());
    }

    std::vector<Row> listed_in(const std::string &folder) const
    {
        std::vector<Row> rows;
        for (const Row &row : index_)
            if (starts_with(row.at("file"), folder + "/"))
                rows.push_back(row);
        return rows;
    }

    std::string bytes_of(const std::string &file) const { return contents(directory_ + "/" + file); }

    Publication read(const std::string &file) const
    {
        const std::string bytes = bytes_of(file);
        return read_daily(bytes, given_document(bytes));
    }

    std::string directory_;
    std::vector<Row> index_;
};

TEST_F(Corpus, WellFormedDailyDocumentsGiveTheFacts)
{
    std::map<std::string, std::vector<Row>> facts_by_date;
    for (const Row &fact : rows_of(contents(directory_ + "/rates.csv")))
        facts_by_date[fact.at("effective_date")].push_back(fact);
    int documents = 0, rates = 0, facts = 0;
    for (const Row &row : listed_in("daily")) {
        if (!must_be_read(row))
            continue;
        const std::string &file = row.at("file");
        SCOPED_TRACE(file);
        Publication publication;
        try {
            publication = read(file);
        } catch (const Error &error) {
            ADD_FAILURE() << whole_text(error);
            continue;
        }
        ++documents;
        rates += static_cast<int>(publication.rates.size());
        EXPECT_EQ(std::to_string(publication.rates.size()), row.at("records"));
        EXPECT_TRUE(contains(file, publication.effective_date.iso()));
        std::map<std::string, Rate> by_id;
        for (const Rate &rate : publication.rates) {
            EXPECT_TRUE(is_utf8(rate.name));
            by_id[rate.cbr_id] = rate;
        }
        const std::vector<Row> &known = facts_by_date[publication.effective_date.iso()];
        EXPECT_FALSE(known.empty());
        for (const Row &fact : known) {
            const auto found = by_id.find(fact.at("cbr_id"));
            if (found == by_id.end()) {
                ADD_FAILURE() << "no " << fact.at("cbr_id");
                continue;
            }
            const Rate &rate = found->second;
            ++facts;
            EXPECT_EQ(rate.num_code, fact.at("num_code")) << rate.cbr_id;
            EXPECT_EQ(rate.char_code, fact.at("char_code")) << rate.cbr_id;
            EXPECT_EQ(std::to_string(rate.nominal), fact.at("nominal")) << rate.cbr_id;
            EXPECT_EQ(without_trailing_zeros(rate.value), without_trailing_zeros(fact.at("value"))) << rate.cbr_id;
        }
    }
    EXPECT_GT(documents, 0);
    std::cout << documents << " documents, " << rates << " rates, " << facts << " facts compared\n";
}

TEST_F(Corpus, OtherDailyDocumentsAreClearErrors)
{
    for (const Row &row : listed_in("daily")) {
        if (must_be_read(row))
            continue;
        SCOPED_TRACE(row.at("file"));
        const Error error = error_of([&] { read(row.at("file")); });
        EXPECT_EQ(error.kind, ErrorKind::document);
        EXPECT_EQ(contains(error.message, "written in UTF-8"),
                  contains(row.at("form"), "(decl windows-1251)") && !contains(row.at("form"), "cp1251"));
        EXPECT_TRUE(is_utf8(whole_text(error)));
        std::cout << row.at("file") << ": " << error.message << " | " << error.detail << "\n";
    }
}

// Publications that were invented or changed may be read, if they look right; what is an error must say so.
TEST_F(Corpus, DocumentsOfErrorsHaveASensibleOutcome)
{
    for (const Row &row : listed_in("errors")) {
        const std::string &file = row.at("file");
        SCOPED_TRACE(file);
        try {
            const Publication publication = read(file);
            std::cout << file << ": " << publication.rates.size() << " rates of " << publication.effective_date.iso()
                      << "\n";
            EXPECT_EQ(row.at("well_formed"), "yes");
            EXPECT_EQ(std::to_string(publication.rates.size()), row.at("records"));
            EXPECT_TRUE(contains(file, publication.effective_date.iso()));
        } catch (const Error &error) {
            std::cout << file << ": " << error.message << "\n";
            EXPECT_EQ(error.kind == ErrorKind::date_range, contains(file, "error_in_parameters"));
            EXPECT_EQ(contains(error.message, "HTML"), contains(file, ".html"));
            EXPECT_TRUE(is_utf8(whole_text(error)));
        }
    }
}

// --- the other documents; their files' names say what was asked for

// The parts of a file's name between underscores, without its folder and all that follows a dot.
std::vector<std::string> parts_of(const std::string &file)
{
    std::string name = file.substr(file.rfind('/') + 1);
    name.resize(std::min(name.size(), name.find('.')));
    std::vector<std::string> parts(1);
    for (const char c : name)
        if (c == '_')
            parts.emplace_back();
        else
            parts.back() += c;
    return parts;
}

Date iso_day(const std::string &text)
{
    const std::optional<Date> date = parse_iso_date(text);
    EXPECT_TRUE(date.has_value()) << text;
    return date.value_or(Date());
}

TEST_F(Corpus, SeriesGiveTheFacts)
{
    std::map<std::pair<std::string, std::string>, Row> facts_by_day;
    for (const Row &fact : rows_of(contents(directory_ + "/rates.csv")))
        facts_by_day[{fact.at("cbr_id"), fact.at("effective_date")}] = fact;
    int documents = 0, all_records = 0, facts = 0;
    for (const Row &row : listed_in("dynamic")) {
        const std::string &file = row.at("file");
        SCOPED_TRACE(file);
        const std::vector<std::string> asked = parts_of(file); // R01235_2010-03-23_2020-03-20
        ASSERT_EQ(asked.size(), 3u);
        const DateRange range{iso_day(asked[1]), iso_day(asked[2])};
        const std::string bytes = bytes_of(file);
        std::vector<SeriesRecord> records;
        try {
            records = read_dynamic(bytes, given_document(bytes), asked[0], range);
        } catch (const Error &error) {
            ADD_FAILURE() << whole_text(error);
            continue;
        }
        ++documents;
        all_records += static_cast<int>(records.size());
        EXPECT_EQ(std::to_string(records.size()), row.at("records"));
        for (std::size_t i = 0; i < records.size(); ++i) {
            const SeriesRecord &record = records[i];
            EXPECT_EQ(record.cbr_id, asked[0]);
            EXPECT_TRUE(i == 0 || records[i - 1].effective_date < record.effective_date);
            const auto fact = facts_by_day.find({record.cbr_id, record.effective_date.iso()});
            if (fact == facts_by_day.end())
                continue;
            ++facts;
            EXPECT_EQ(std::to_string(record.nominal), fact->second.at("nominal")) << record.effective_date.iso();
            EXPECT_EQ(without_trailing_zeros(record.value), without_trailing_zeros(fact->second.at("value")))
                << record.effective_date.iso();
        }
        EXPECT_EQ(error_of([&] { read_dynamic(bytes, given_document(bytes), "R09999", range); }).kind,
                  ErrorKind::document);
    }
    EXPECT_GT(documents, 0);
    EXPECT_GT(facts, 0);
    std::cout << documents << " documents, " << all_records << " records, " << facts << " facts compared\n";
}

// The remark tells the number of entries: "61 items; ...".
TEST_F(Corpus, CataloguesNameWhatTheyHold)
{
    int documents = 0, all_entries = 0, dollars = 0;
    for (const Row &row : listed_in("val")) {
        const std::string &file = row.at("file");
        SCOPED_TRACE(file);
        const std::string bytes = bytes_of(file);
        if (row.at("well_formed") != "yes") {
            const Error error = error_of([&] { read_catalogue(bytes, given_document(bytes)); });
            EXPECT_EQ(error.kind, ErrorKind::document);
            EXPECT_TRUE(is_utf8(whole_text(error)));
            std::cout << file << ": " << error.message << "\n";
            continue;
        }
        std::vector<CatalogueEntry> entries;
        try {
            entries = read_catalogue(bytes, given_document(bytes));
        } catch (const Error &error) {
            ADD_FAILURE() << whole_text(error);
            continue;
        }
        ++documents;
        all_entries += static_cast<int>(entries.size());
        EXPECT_EQ(static_cast<int>(entries.size()), std::atoi(row.at("note").c_str())) << row.at("note");
        const bool has_iso_codes = contains(bytes, "ISO_Char_Code"); // XML_val has none
        for (const CatalogueEntry &entry : entries) {
            EXPECT_TRUE(is_utf8(entry.name)) << entry.cbr_id;
            EXPECT_FALSE(is_ascii(entry.name)) << entry.cbr_id;
            EXPECT_TRUE(is_ascii(entry.eng_name)) << entry.cbr_id;
            EXPECT_TRUE(is_bank_id(entry.parent_id)) << entry.cbr_id << " " << entry.parent_id;
            if (entry.cbr_id != "R01235")
                continue;
            ++dollars;
            EXPECT_EQ(entry.num_code, has_iso_codes ? "840" : "");
            EXPECT_EQ(entry.char_code, has_iso_codes ? "USD" : "");
            EXPECT_EQ(entry.name, "Доллар США");
            EXPECT_EQ(entry.parent_id, "R01235");
            EXPECT_EQ(entry.nominal, 1);
        }
    }
    EXPECT_GT(documents, 0);
    EXPECT_GT(dollars, 0);
    std::cout << documents << " documents, " << all_entries << " entries\n";
}

TEST_F(Corpus, MetalsAreFourADay)
{
    int documents = 0, all_prices = 0;
    for (const Row &row : listed_in("metal")) {
        const std::string &file = row.at("file");
        SCOPED_TRACE(file);
        const std::vector<std::string> asked =
            parts_of(file); // xml_metall_2026-03-01_2026-03-05; one day has no second
        ASSERT_EQ(asked.size(), 4u);
        const Date first = iso_day(asked[2]);
        const DateRange range{first, parse_iso_date(asked[3]).value_or(first)};
        const std::string bytes = bytes_of(file);
        std::vector<MetalPrice> prices;
        try {
            prices = read_metals(bytes, given_document(bytes), range);
        } catch (const Error &error) {
            ADD_FAILURE() << whole_text(error);
            continue;
        }
        ++documents;
        all_prices += static_cast<int>(prices.size());
        EXPECT_EQ(std::to_string(prices.size()), row.at("records"));
        const char *const metals[] = {"gold", "silver", "platinum", "palladium"};
        for (std::size_t i = 0; i < prices.size(); ++i) {
            EXPECT_STREQ(prices[i].metal, metals[i % 4]);
            EXPECT_EQ(prices[i].date, prices[i - i % 4].date);
            EXPECT_EQ(prices[i].buy, prices[i].sell); // in all answers that are known
            std::string printed = prices[i].buy;
            printed.replace(printed.find('.'), 1, ",");
            EXPECT_TRUE(contains(bytes, "<Buy>" + printed + "</Buy>")) << printed;
        }
        EXPECT_EQ(error_of([&] {
                      read_metals(bytes, given_document(bytes), {first, Date(range.last.days_since_1970() + 1)});
                  }).kind,
                  ErrorKind::document);
    }
    EXPECT_GT(documents, 0);
    std::cout << documents << " documents, " << all_prices << " prices\n";
}

// Answers of the SOAP service: those of KeyRateXML are read, those of its other methods are not.
TEST_F(Corpus, KeyRatesAscend)
{
    const DateRange all{first_of_archive, last_of_calendar};
    int documents = 0, all_rates = 0;
    std::vector<Row> answers = listed_in("keyrate");
    for (const Row &row : listed_in("soap"))
        answers.push_back(row);
    for (const Row &row : answers) {
        const std::string &file = row.at("file");
        SCOPED_TRACE(file);
        const std::string bytes = bytes_of(file);
        if (!contains(file, "KeyRateXML")) {
            EXPECT_EQ(error_of([&] { read_key_rates(bytes, given_document(bytes), all); }).message,
                      "invalid document: it has no KeyRateXMLResult");
            continue;
        }
        std::vector<KeyRate> rates;
        try {
            rates = read_key_rates(bytes, given_document(bytes), all);
        } catch (const Error &error) {
            ADD_FAILURE() << whole_text(error);
            continue;
        }
        ++documents;
        all_rates += static_cast<int>(rates.size());
        EXPECT_FALSE(rates.empty());
        for (std::size_t i = 0; i < rates.size(); ++i) {
            EXPECT_TRUE(i == 0 || rates[i - 1].date < rates[i].date);
            EXPECT_TRUE(contains(bytes, rates[i].date.iso())) << rates[i].date.iso();
            EXPECT_TRUE(contains(bytes, ">" + rates[i].rate + "<")) << rates[i].rate;
        }
    }
    EXPECT_GT(documents, 0);
    std::cout << documents << " documents, " << all_rates << " rates\n";
}

} // namespace
} // namespace cbr
