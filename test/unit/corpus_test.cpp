// Reads the real answers in the directory that CBR_CORPUS names, if it does: its INDEX.csv says which documents are
// well-formed, its rates.csv says what is true. Nothing of them is part of the project.
#include "core/daily.h"
#include "core/text.h"
#include "expectations.h"

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

    Publication read(const std::string &file) const
    {
        const std::string bytes = contents(directory_ + "/" + file);
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

} // namespace
} // namespace cbr
