// Other layouts of a block: transposed, by columns, dense, a range of rows.
//
// Conversions copy into aligned memory of their own; Rows is a view of the block it is given.
#pragma once
#include <cstdint>
#include <vector>

#include "ops/view.h"
#include "runtime/data/memory.h"

namespace gyre {

// Rows [begin, end) of a dense or CSR block (a view). REQUIRES: 0 <= begin <= end <= rows, not CSC.
Block Rows(const Block& block, int64_t begin, int64_t end);

// The same matrix by columns, row indices ascending. From dense: zeros are left out. O(nnz + cols).
OwnedBlock ToCsc(const Block& block);

// The same matrix by rows. From dense: zeros are left out.
OwnedBlock ToCsr(const Block& block);

// The same matrix, dense, rows padded as the reader pads them.
OwnedBlock ToDense(const Block& block);

// The transposed matrix in the same format (dense to dense: that is, the columns made contiguous;
// CSR to CSR and CSC to CSC).
OwnedBlock Transpose(const Block& block);

// Rows [begin, end) of a CSC block as a CSC block. REQUIRES: CSC.
OwnedBlock SliceCscRows(const Block& block, int64_t begin, int64_t end);

// The same values as float32 or float64.
OwnedBlock ToType(const Block& block, Type type);

// The rows of all blocks, in order, as one; dense or CSR, of one type and layout, `cols` wide (no
// narrower than any of them). REQUIRES: at least one block.
OwnedBlock Concatenate(const std::vector<Block>& blocks, int64_t cols);

}  // namespace gyre
