#include "runtime/cluster/security.h"

#include <netdb.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "runtime/cluster/check.h"

namespace gyre {
namespace {

constexpr char kMetadataKey[] = "gyre-token";

absl::StatusOr<std::string> Contents(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in || text.str().empty()) {
    return absl::InvalidArgumentError(absl::StrCat("cannot read ", file, " (for TLS)"));
  }
  return text.str();
}

bool HasTls(const SecurityOptions& options) {
  return !options.certificate_file.empty() && !options.key_file.empty() &&
         !options.authority_file.empty();
}

struct TlsFiles {
  std::string certificate, key, authority;
};
absl::StatusOr<TlsFiles> ReadTls(const SecurityOptions& options) {
  TlsFiles files;
  const std::pair<const std::string*, std::string*> parts[] = {
      {&options.certificate_file, &files.certificate},
      {&options.key_file, &files.key},
      {&options.authority_file, &files.authority}};
  for (const auto& [name, text] : parts) {
    absl::StatusOr<std::string> contents = Contents(*name);
    if (!contents.ok()) return contents.status();
    *text = *std::move(contents);
  }
  return files;
}

}  // namespace

absl::StatusOr<HostPort> ParseAddress(absl::string_view address) {
  const size_t colon = address.rfind(':');
  HostPort parsed;
  if (colon == absl::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(address.substr(colon + 1), &parsed.port) || parsed.port < 0 ||
      parsed.port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", address, "\" is not an address: write HOST:PORT"));
  }
  absl::string_view host = address.substr(0, colon);
  if (absl::StartsWith(host, "[") && absl::EndsWith(host, "]")) {
    host = host.substr(1, host.size() - 2);
  }
  parsed.host = std::string(host);
  return parsed;
}

bool IsLoopback(absl::string_view host) {
  return host == "localhost" || host == "::1" || absl::StartsWith(host, "127.") ||
         absl::StartsWith(host, "unix:");
}

absl::Status CheckSecurity(absl::string_view host, const SecurityOptions& options) {
  const bool some = !options.certificate_file.empty() || !options.key_file.empty() ||
                    !options.authority_file.empty();
  if (some && !HasTls(options)) {
    return absl::InvalidArgumentError(
        "TLS needs --tls_cert, --tls_key and --tls_ca together; one of them is missing");
  }
  if (IsLoopback(host) || options.insecure) return absl::OkStatus();
  if (!HasTls(options) || options.token.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        host, " is not loopback: give --tls_cert, --tls_key, --tls_ca and a token in $",
        kTokenVariable, ", or say --insecure"));
  }
  return absl::OkStatus();
}

absl::Status CheckPortIsFree(const HostPort& address) {
  if (address.port == 0) return absl::OkStatus();
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  const std::string port = absl::StrCat(address.port);
  if (getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot listen on ", address.host, ": no such address on this machine"));
  }
  absl::Status status;
  const int fd = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, found->ai_protocol);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) != 0) {
    status = absl::InvalidArgumentError(absl::StrCat("cannot listen on ", address.host, ":",
                                                     address.port, ": ", std::strerror(errno),
                                                     "; give another port, or 0 for a free one"));
  } else if (fd >= 0 && listen(fd, 1) != 0) {
    status = absl::InvalidArgumentError(absl::StrCat("cannot listen on ", address.host, ":",
                                                     address.port, ": ", std::strerror(errno)));
  }
  if (fd >= 0) close(fd);
  freeaddrinfo(found);
  return status;
}

std::string RandomToken() {
  char bits[32];
  GYRE_CHECK(getrandom(bits, sizeof(bits), 0) == sizeof(bits), "no randomness from the kernel");
  return absl::BytesToHexString(absl::string_view(bits, sizeof(bits)));
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> ServerSecurity(
    const SecurityOptions& options) {
  if (!HasTls(options)) return grpc::InsecureServerCredentials();
  absl::StatusOr<TlsFiles> files = ReadTls(options);
  if (!files.ok()) return files.status();
  // Both sides show a certificate: a worker is as privileged as the coordinator.
  grpc::SslServerCredentialsOptions ssl(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  ssl.pem_root_certs = files->authority;
  ssl.pem_key_cert_pairs.push_back({files->key, files->certificate});
  return grpc::SslServerCredentials(ssl);
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> ClientSecurity(
    const SecurityOptions& options) {
  if (!HasTls(options)) return grpc::InsecureChannelCredentials();
  absl::StatusOr<TlsFiles> files = ReadTls(options);
  if (!files.ok()) return files.status();
  grpc::SslCredentialsOptions ssl;
  ssl.pem_root_certs = files->authority;
  ssl.pem_private_key = files->key;
  ssl.pem_cert_chain = files->certificate;
  return grpc::SslCredentials(ssl);
}

void AddToken(const std::string& token, grpc::ClientContext* context) {
  context->AddMetadata(kMetadataKey, token);
}

bool HasToken(const grpc::ServerContext& context, const std::string& token) {
  const auto found = context.client_metadata().find(kMetadataKey);
  if (found == context.client_metadata().end()) return false;
  const grpc::string_ref shown = found->second;
  uint8_t differs = shown.size() == token.size() ? 0 : 1;
  for (size_t i = 0; i < token.size(); ++i) {
    const char c = i < shown.size() ? shown.data()[i] : '\0';
    differs |= static_cast<uint8_t>(c ^ token[i]);
  }
  return differs == 0;
}

}  // namespace gyre
