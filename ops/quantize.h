// Numbers in fewer bits, with error feedback: what rounding takes from one message is added to the
// next (Seide et al., 2014; Karimireddy et al., 2019), so that nothing is lost in sum.
#pragma once
#include <cstdint>
#include <string_view>

namespace gyre {

enum class Codec : uint8_t {
  kExact,  // float64
  kFloat32,
  kBfloat16,  // 8 bits of exponent, 8 of precision
  kFloat16,   // 5 bits of exponent, 11 of precision; beyond 65504 it saturates
};

int64_t BytesOf(Codec codec);
// "", "f32", "bf16", "fp16", as plans say it; false: none of them.
bool CodecOf(std::string_view name, Codec* codec);

// out[i] = the number nearest to from[i] + rest[i]; rest[i] = what it leaves. `out` holds n numbers
// of BytesOf(codec). Ties go to even. `rest` null: what is left is dropped; kExact leaves nothing.
void Quantize(Codec codec, const double* from, int64_t n, double* rest, char* out);
void Dequantize(Codec codec, const char* from, int64_t n, double* to);

}  // namespace gyre
