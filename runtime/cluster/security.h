// Who may talk to whom: listening addresses, transport encryption and the run's token.
//
// On loopback streams are in the clear; beyond it TLS is demanded (a certificate, its key, and the
// authority that peers must be signed by) together with a shared token, or an explicit `insecure`.
// Every call carries the token in its metadata, on loopback too: there it is made afresh for each
// run and reaches the workers through their environment, so that another user of the machine
// cannot join or read a run.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_context.h"

namespace gyre {

struct SecurityOptions {
  std::string token;             // shared secret; empty on loopback: made for the run
  std::string certificate_file;  // PEM; all three or none
  std::string key_file;
  std::string authority_file;
  bool insecure = false;  // beyond loopback without TLS and token, on the user's own word
};

// The environment variable through which a started worker receives its token.
inline constexpr char kTokenVariable[] = "GYRE_TOKEN";

// "HOST:PORT" or "[V6]:PORT"; an error says what is expected.
struct HostPort {
  std::string host;
  int port = 0;
};
absl::StatusOr<HostPort> ParseAddress(absl::string_view address);

// 127.0.0.0/8, ::1, localhost, and Unix sockets.
bool IsLoopback(absl::string_view host);

// Refuses a combination that would expose the run; one line that says what is missing.
absl::Status CheckSecurity(absl::string_view host, const SecurityOptions& options);

// Whether this process may listen there: the address is this machine's and the port is free. gRPC
// would say it to its log.
absl::Status CheckPortIsFree(const HostPort& address);

// 256 random bits from the kernel, in hexadecimal.
std::string RandomToken();

// Credentials from the files of `options`; an unreadable file is an error that names it.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> ServerSecurity(
    const SecurityOptions& options);
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> ClientSecurity(
    const SecurityOptions& options);

// Puts the token into a call; says whether a call carries it (in time that does not depend on where
// the two differ).
void AddToken(const std::string& token, grpc::ClientContext* context);
bool HasToken(const grpc::ServerContext& context, const std::string& token);

}  // namespace gyre
