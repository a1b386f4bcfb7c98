#include "ops/quantize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 intrinsics inlined by Eigen
#endif
#include "Eigen/Core"

namespace gyre {
namespace {

constexpr double kMostFloat16 = 65504;

float Nearest(float x, float*) { return x; }
Eigen::bfloat16 Nearest(float x, Eigen::bfloat16*) { return Eigen::bfloat16(x); }
Eigen::half Nearest(float x, Eigen::half*) {
  // A NaN stays one.
  if (std::abs(x) > static_cast<float>(kMostFloat16))
    x = std::copysign(static_cast<float>(kMostFloat16), x);
  return Eigen::half(x);
}

template <class Q>
void QuantizeTo(const double* from, int64_t n, double* rest, char* out) {
  Q* to = reinterpret_cast<Q*>(out);
  for (int64_t i = 0; i < n; ++i) {
    const double x = from[i] + (rest == nullptr ? 0 : rest[i]);
    to[i] = Nearest(static_cast<float>(x), static_cast<Q*>(nullptr));
    if (rest == nullptr) continue;
    const double left = x - static_cast<double>(static_cast<float>(to[i]));
    rest[i] = std::isfinite(left) ? left : 0;  // an overflow is told, not remembered
  }
}

template <class Q>
void DequantizeFrom(const char* from, int64_t n, double* to) {
  const Q* q = reinterpret_cast<const Q*>(from);
  for (int64_t i = 0; i < n; ++i) to[i] = static_cast<double>(static_cast<float>(q[i]));
}

}  // namespace

int64_t BytesOf(Codec codec) {
  switch (codec) {
    case Codec::kExact:
      return 8;
    case Codec::kFloat32:
      return 4;
    default:
      return 2;
  }
}

bool CodecOf(std::string_view name, Codec* codec) {
  if (name.empty()) return *codec = Codec::kExact, true;
  if (name == "f32") return *codec = Codec::kFloat32, true;
  if (name == "bf16") return *codec = Codec::kBfloat16, true;
  if (name == "fp16") return *codec = Codec::kFloat16, true;
  return false;
}

void Quantize(Codec codec, const double* from, int64_t n, double* rest, char* out) {
  switch (codec) {
    case Codec::kExact:
      std::memcpy(out, from, static_cast<size_t>(n) * sizeof(double));
      return;
    case Codec::kFloat32:
      return QuantizeTo<float>(from, n, rest, out);
    case Codec::kBfloat16:
      return QuantizeTo<Eigen::bfloat16>(from, n, rest, out);
    case Codec::kFloat16:
      return QuantizeTo<Eigen::half>(from, n, rest, out);
  }
}

void Dequantize(Codec codec, const char* from, int64_t n, double* to) {
  switch (codec) {
    case Codec::kExact:
      std::memcpy(to, from, static_cast<size_t>(n) * sizeof(double));
      return;
    case Codec::kFloat32:
      return DequantizeFrom<float>(from, n, to);
    case Codec::kBfloat16:
      return DequantizeFrom<Eigen::bfloat16>(from, n, to);
    case Codec::kFloat16:
      return DequantizeFrom<Eigen::half>(from, n, to);
  }
}

}  // namespace gyre
