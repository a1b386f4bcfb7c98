// What is encoded is decoded, in pieces of any size; what does not fit is refused.
#include "runtime/cluster/encoding.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace gyre {
namespace {

constexpr int64_t kM = 4, kK = 6, kRowsOfTable = 5, kRow = 8;

// A number, a vector in a codec, a table of which rows travel, a matrix as terms.
StageEncoding Encoding(Codec codec, bool terms = true) {
  StageEncoding e;
  e.layout.Add(0, 1, 8);
  e.layout.Add(1, 11, 8);
  e.layout.Add(2, kRowsOfTable * kRow, 8);
  e.field = {{}, {codec, 0}, {codec, kRow}, {}};
  if (terms) e.layout.Add(3, kM * kK, 8, {kM, kK, false, Type::kFloat64});
  if (!terms) e.field.pop_back();
  e.most_terms = 100;
  return e;
}

struct Sender {
  Sender(const StageEncoding& encoding, int workers, bool sparse, uint32_t seed)
      : e(encoding), sum(e.layout.summed), rest(e.layout.summed), encoded(&e) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    sum[0] = normal(random);
    for (int64_t i = 0; i < 11; ++i) sum[e.layout.field[1].offset + i] = normal(random);
    for (const int64_t row : {1, 4})
      for (int64_t j = 0; j < kRow; ++j)
        sum[e.layout.field[2].offset + row * kRow + j] = normal(random);
    for (int w = 0; w < workers; ++w) {
      part.push_back(std::make_unique<Contribution>(e.layout));
      parts.push_back(part.back().get());
      part.back()->scale = w + 1;
      if (e.layout.field.size() < 4) continue;
      for (int t = 0; t < 3 - w; ++t) {
        const OuterTerms::Room room = part.back()->terms[3]->Grow(1, sparse ? 2 : -1);
        for (int64_t c = 0; c < kM; ++c) reinterpret_cast<double*>(room.u)[c] = normal(random);
        for (int64_t k = 0; k < (sparse ? 2 : kK); ++k)
          reinterpret_cast<double*>(room.v)[k] = normal(random);
        if (sparse) *room.length = 2, room.index[0] = t, room.index[1] = t + 2;
      }
    }
    encoded.Encode(sum.data(), parts, rest.data());
  }
  std::vector<char> Bytes(const KeyRange& range) const {
    std::vector<char> bytes;
    for (const WireSegment& s : encoded.For(range))
      bytes.insert(bytes.end(), s.data, s.data + s.bytes);
    return bytes;
  }
  StageEncoding e;
  AlignedArray<double> sum, rest;
  std::vector<std::unique_ptr<Contribution>> part;
  std::vector<const Contribution*> parts;
  EncodedContribution encoded;
};

absl::Status Give(ContributionDecoder* decoder, const char* data, size_t bytes) {
  auto copy = std::make_shared<std::vector<char>>(data, data + bytes);
  grpc::ByteBuffer buffer = EncodeFrame(wire::Header(), Alias(copy, copy->data(), bytes));
  ReceivedFrame frame;
  EXPECT_TRUE(frame.Decode(&buffer).ok());
  return decoder->Take(frame);
}

// WireSegment by segment, each in pieces of `most` bytes.
void Decode(const Sender& from, const KeyRange& range, int64_t most, ContributionDecoder* decoder,
            Contribution* to) {
  decoder->Begin(to);
  for (const WireSegment& s : from.encoded.For(range)) {
    for (int64_t at = 0; at < s.bytes; at += most) {
      EXPECT_FALSE(decoder->complete());
      ASSERT_TRUE(
          Give(decoder, s.data + at, static_cast<size_t>(std::min(most, s.bytes - at))).ok());
    }
  }
  EXPECT_TRUE(decoder->complete());
}

double Precision(Codec codec) {
  return codec == Codec::kExact     ? 0
         : codec == Codec::kFloat32 ? 0x1p-23
         : codec == Codec::kFloat16 ? 0x1p-10
                                    : 0x1p-7;
}

TEST(Encoding, ComesBackInPiecesOfAnySize) {
  for (const Codec codec : {Codec::kExact, Codec::kFloat32, Codec::kBfloat16, Codec::kFloat16}) {
    for (const bool sparse : {false, true}) {
      for (const int64_t most : {1, 7, 64, 1 << 20}) {
        const Sender from(Encoding(codec), 2, sparse, 1);
        Contribution to(from.e.layout);
        ContributionDecoder decoder(&from.e, {0, from.e.layout.summed});
        for (int round = 0; round < 2; ++round) {
          if (round == 1) to.Clear();
          Decode(from, {0, from.e.layout.summed}, most, &decoder, &to);
          EXPECT_EQ(to.sum[0], from.sum[0]);  // a number alone is exact
          for (int64_t i = 0; i < from.e.layout.summed; ++i)
            EXPECT_NEAR(to.sum[i], from.sum[i], Precision(codec) * std::abs(from.sum[i])) << i;
          std::vector<double> got(kM * kK), want(kM * kK);
          EXPECT_EQ(to.terms[3]->terms(), 5);
          to.terms[3]->AddTo(got.data());
          for (const auto& part : from.part)
            part->terms[3]->AddTo(want.data());  // scaled by Encode
          for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-12);
        }
      }
    }
  }
}

TEST(Encoding, OnlyRowsThatAreNotZeroTravel) {
  const Sender from(Encoding(Codec::kExact, false), 1, false, 2);
  const auto bytes = static_cast<int64_t>(from.Bytes({0, from.e.layout.summed}).size());
  EXPECT_EQ(bytes,
            (8 + 16) * 8 + 8 + 2 * 4 + 2 * kRow * 8);  // padded numbers, then two rows of five
}

TEST(Encoding, ShardsGetTheirRanges) {
  StageEncoding e = Encoding(Codec::kBfloat16, false);
  e.field[2].row = 0;
  const Sender from(e, 1, false, 3);
  Contribution to(e.layout);
  for (int s = 0; s < 3; ++s) {
    ContributionDecoder decoder(&from.e, from.e.Range(s, 3));
    Decode(from, from.e.Range(s, 3), 16, &decoder, &to);
  }
  for (int64_t i = 0; i < e.layout.summed; ++i)
    EXPECT_NEAR(to.sum[i], from.sum[i], 0x1p-7 * std::abs(from.sum[i])) << i;
}

TEST(Encoding, WhatIsLeftOfRoundingIsKept) {
  const Sender from(Encoding(Codec::kBfloat16, false), 1, false, 4);
  Contribution to(from.e.layout);
  ContributionDecoder decoder(&from.e, {0, from.e.layout.summed});
  Decode(from, {0, from.e.layout.summed}, 64, &decoder, &to);
  for (int64_t i = 0; i < from.e.layout.summed; ++i)
    EXPECT_NEAR(to.sum[i] + from.rest[i], from.sum[i], 1e-15);
}

TEST(Encoding, WhatDoesNotFitIsRefused) {
  const Sender from(Encoding(Codec::kExact), 1, true, 5);
  const std::vector<WireSegment> segments = from.encoded.For({0, from.e.layout.summed});
  // numbers, rows: count, positions, values; terms: header, u, lengths, positions, v
  ASSERT_EQ(segments.size(), 9u);
  const auto refused = [&](size_t which, const std::function<void(char*)>& change,
                           size_t more = 0) {
    Contribution to(from.e.layout);
    ContributionDecoder decoder(&from.e, {0, from.e.layout.summed});
    decoder.Begin(&to);
    for (size_t i = 0; i < segments.size(); ++i) {
      std::vector<char> bytes(segments[i].data, segments[i].data + segments[i].bytes);
      if (i == which) bytes.insert(bytes.end(), more, 0);
      if (i == which) change(bytes.data());
      if (!Give(&decoder, bytes.data(), bytes.size()).ok()) return true;
    }
    return false;
  };
  const auto set64 = [](int64_t at, int64_t value) {
    return [=](char* bytes) { std::memcpy(bytes + at * 8, &value, 8); };
  };
  const auto set32 = [](int32_t value) {
    return [=](char* bytes) { std::memcpy(bytes, &value, 4); };
  };
  EXPECT_FALSE(refused(99, [](char*) {}));
  EXPECT_TRUE(refused(
      0, [](char*) {}, 8));
  EXPECT_TRUE(refused(1, set64(0, 6)));
  EXPECT_TRUE(refused(1, set64(0, -1)));
  EXPECT_TRUE(refused(2, set32(5)));
  EXPECT_TRUE(refused(2, set32(-1)));
  EXPECT_TRUE(refused(4, set64(0, 101)));
  EXPECT_TRUE(refused(4, set64(0, -1)));
  EXPECT_TRUE(refused(4, set64(1, 1000)));
  EXPECT_TRUE(refused(6, set32(-2)));
  EXPECT_TRUE(refused(6, set32(3)));
  EXPECT_TRUE(refused(7, set32(static_cast<int32_t>(kK))));
}

}  // namespace
}  // namespace gyre
