#include "runtime/columns.h"

#include "runtime/data/layout.h"

namespace gyre {

Block ByColumns(const Block& block, std::vector<OwnedBlock>* owned) {
  if (block.values == nullptr || block.format == Format::kCsc) return block;
  owned->push_back(block.format == Format::kDense ? Transpose(block) : ToCsc(block));
  return owned->back().block;
}

}  // namespace gyre
