// Which currency a code means, and what it is called: the newest publication is asked first, the catalogue second.
#pragma once
#include "core/catalogue.h"
#include "core/currency.h"
#include "core/fence.h"
#include "core/rate.h"

#include <string>
#include <vector>

namespace cbr {

class CurrencyDirectory {
public:
    explicit CurrencyDirectory(const Publication &newest);
    void add(const std::vector<CatalogueEntry> &catalogue);

    // Does the catalogue have to be added before select() can tell?
    bool lacks_any(const CurrencySelection &selection) const;

    // The currencies selected, each once. An ISO code may mean several of them, one after the other in time; an ID
    // that is in neither source is taken at its word. Throws Error(not_quoted) for an ISO code that nobody knows.
    std::vector<Currency> select(const CurrencySelection &selection) const;

private:
    std::vector<const Currency *> find(const std::string &code) const;

    std::vector<Currency> newest_;
    std::vector<Currency> catalogue_; // without those of newest_
};

} // namespace cbr
