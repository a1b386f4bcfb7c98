// The program's graph as a proto, for dumps and tools (--dump=ir).
#pragma once
#include "compiler/ir.pb.h"
#include "dsl/program.h"

namespace gyre {

// Node, let and total ids are the graph's own.
IrProto ToProto(const Program& program);

}  // namespace gyre
