#pragma once

// The to-do tree as lines: types, their groups with how many bills stand in each, and bills, the ones that changed
// last first. And what has changed, as one line each.
//
// All of it is text out of values.

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "catalog_names.h"
#include "holdfast/todo_view.h"
#include "screen.h"

namespace hf::cli {

std::vector<Line> tree_of(const holdfast::TodoCounts& counts, const std::vector<holdfast::TodoRow>& rows,
                          const CatalogNames& names, std::size_t rows_per_group);
// How many rows of each group let the whole tree fit into `lines`, but at least some.
std::size_t rows_that_fit(const holdfast::TodoCounts& counts, std::size_t lines);

// "+ Sales order SO1 in To be reviewed (Li Submit)".
Line change_line(const holdfast::TodoChange& change, const CatalogNames& names);
Line notice_line(const holdfast::Notice& notice, const CatalogNames& names);
Line step_line(const holdfast::RunStep& step, const CatalogNames& names);
std::string state_text(holdfast::TodoState state);

boost::json::object to_json(const holdfast::TodoRow& row);
boost::json::object to_json(const holdfast::TodoCounts& counts);

}  // namespace hf::cli
