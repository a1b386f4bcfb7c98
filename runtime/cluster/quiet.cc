#include "runtime/cluster/quiet.h"

#include <cstdlib>

#include "grpc/support/log.h"

namespace gyre {

void QuietGrpc() {
  static const bool done = [] {
    if (std::getenv("GRPC_VERBOSITY") == nullptr) gpr_set_log_function([](gpr_log_func_args*) {});
    return true;
  }();
  (void)done;
}

}  // namespace gyre
