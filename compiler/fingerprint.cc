#include "compiler/fingerprint.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "compiler/compiler.h"
#include "compiler/hash.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace gyre {
namespace {

std::string Bytes(const google::protobuf::MessageLite& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

}  // namespace

uint64_t BoundInfo::fingerprint() const {
  StableHash hash;
  hash.Add(static_cast<int>(type));
  for (const int64_t e : extent) hash.Add(e);
  for (const TensorInfo& t : tensor) {
    hash.Add(t.symbol).Add(static_cast<int>(t.format)).Add(static_cast<int>(t.type));
    hash.Add(t.rows).Add(t.cols).Add(t.nnz);
  }
  return hash.Finish();
}

uint64_t FingerprintOf(const Profile& profile) {
  Profile identity = profile;
  identity.clear_age();
  return StableHash().Add(Bytes(identity)).Finish();
}

uint64_t KernelsFingerprint(const Program& program) {
  StableHash hash;
  hash.Add(kKernelAbi).Add(program.fingerprint);
  for (const Pass& pass : program.pass) hash.Add(pass.id);
  return hash.Finish();
}

uint64_t PlanFingerprint(const Plan& plan) {
  Plan identity = plan;
  identity.mutable_fingerprint()->clear_plan();
  return StableHash().Add(Bytes(identity)).Finish();
}

std::string KernelKey(const Program& program, absl::string_view node) {
  return absl::StrCat(Hex(program.fingerprint), "/", node);
}

std::string Hex(uint64_t value) { return absl::StrFormat("%016x", value); }
std::string ShortHex(uint64_t value) { return Hex(value).substr(0, 8); }

}  // namespace gyre
