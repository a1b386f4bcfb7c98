// Matrices by columns, for tasks that visit one column at a time.
#pragma once
#include <vector>

#include "ops/view.h"
#include "runtime/data/memory.h"

namespace gyre {

// `block` by columns: a dense matrix transposed, a sparse one as CSC. What is made is kept in `owned`.
Block ByColumns(const Block& block, std::vector<OwnedBlock>* owned);

}  // namespace gyre
