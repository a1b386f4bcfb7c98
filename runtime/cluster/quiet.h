// gRPC's own log lines are for gRPC's authors: what a user should know comes as a status.
#pragma once

namespace gyre {

// Silences gRPC's log unless $GRPC_VERBOSITY asks for it. Call before channels or servers are made.
void QuietGrpc();

}  // namespace gyre
