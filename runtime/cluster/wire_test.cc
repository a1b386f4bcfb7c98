#include "runtime/cluster/wire.h"

#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace gyre {
namespace {

wire::Header SomeHeader() {
  wire::Header header;
  header.set_kind(wire::Header::PARCEL);
  header.set_process(3);
  header.set_stage(41);
  header.set_stage_done(true);
  header.set_sequence(uint64_t{1} << 40);
  return header;
}

std::string Flat(grpc::ByteBuffer* buffer) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(buffer->Dump(&slices).ok());
  std::string flat;
  for (const auto& s : slices) flat.append(reinterpret_cast<const char*>(s.begin()), s.size());
  return flat;
}

grpc::ByteBuffer Cut(const std::string& bytes, const std::vector<size_t>& at) {
  std::vector<grpc::Slice> slices;
  size_t from = 0;
  for (size_t to : at) {
    slices.emplace_back(bytes.data() + from, to - from);
    from = to;
  }
  slices.emplace_back(bytes.data() + from, bytes.size() - from);
  return grpc::ByteBuffer(slices.data(), slices.size());
}

TEST(Wire, IsTheProtoMessageFrame) {
  auto data = std::make_shared<std::vector<double>>(1000);
  std::iota(data->begin(), data->end(), 0.5);
  grpc::ByteBuffer buffer = EncodeFrame(SomeHeader(), Alias(data, data->data(), 8000));
  wire::Frame frame;
  ASSERT_TRUE(frame.ParseFromString(Flat(&buffer)));
  EXPECT_EQ(frame.header().stage(), 41);
  EXPECT_EQ(frame.header().sequence(), uint64_t{1} << 40);
  ASSERT_EQ(frame.payload().size(), 8000u);
  EXPECT_EQ(std::memcmp(frame.payload().data(), data->data(), 8000), 0);
}

TEST(Wire, AliasKeepsItsOwnerUntilTheBufferGoes) {
  auto data = std::make_shared<std::vector<double>>(8);
  std::weak_ptr<std::vector<double>> watch = data;
  auto buffer =
      std::make_unique<grpc::ByteBuffer>(EncodeFrame(SomeHeader(), Alias(data, data->data(), 64)));
  data.reset();
  EXPECT_FALSE(watch.expired());
  buffer.reset();
  EXPECT_TRUE(watch.expired());
}

TEST(Wire, EmptyPayload) {
  grpc::ByteBuffer buffer = EncodeFrame(SomeHeader());
  ReceivedFrame frame;
  ASSERT_TRUE(frame.Decode(&buffer).ok());
  EXPECT_EQ(frame.payload_bytes(), 0u);
  EXPECT_EQ(frame.header().process(), 3u);
  frame.CopyTo(nullptr);
}

TEST(Wire, LongHeader) {
  wire::Header header = SomeHeader();
  header.set_message(std::string(5000, 'x'));
  grpc::ByteBuffer buffer = EncodeFrame(header);
  ReceivedFrame frame;
  ASSERT_TRUE(frame.Decode(&buffer).ok());
  EXPECT_EQ(frame.header().message().size(), 5000u);
}

// The transport cuts messages where it likes.
TEST(Wire, AnyCutReadsTheSame) {
  auto data = std::make_shared<std::vector<double>>(40);
  std::iota(data->begin(), data->end(), -3.25);
  grpc::ByteBuffer whole = EncodeFrame(SomeHeader(), Alias(data, data->data(), 320));
  const std::string bytes = Flat(&whole);
  std::mt19937 random(1);
  for (int run = 0; run < 500; ++run) {
    std::vector<size_t> cuts(random() % 8);
    for (size_t& cut : cuts) cut = random() % (bytes.size() + 1);
    std::sort(cuts.begin(), cuts.end());
    grpc::ByteBuffer buffer = Cut(bytes, cuts);
    ReceivedFrame frame;
    ASSERT_TRUE(frame.Decode(&buffer).ok());
    ASSERT_EQ(frame.payload_bytes(), 320u);
    std::vector<double> got(40);
    frame.CopyTo(got.data());
    ASSERT_EQ(got, *data);
  }
}

// Truncated or altered frames are refused or read as another frame, never past the end.
TEST(Wire, MalformedIsRefused) {
  auto data = std::make_shared<std::vector<double>>(4, 1.0);
  grpc::ByteBuffer whole = EncodeFrame(SomeHeader(), Alias(data, data->data(), 32));
  const std::string bytes = Flat(&whole);
  grpc::ByteBuffer complete = EncodeFrame(SomeHeader());
  const size_t header_only = Flat(&complete).size();
  for (size_t size = 0; size < bytes.size(); ++size) {
    grpc::ByteBuffer buffer = Cut(bytes.substr(0, size), {});
    ReceivedFrame frame;
    EXPECT_EQ(frame.Decode(&buffer).ok(), size == header_only) << size;
  }
  std::mt19937 random(2);
  for (int run = 0; run < 2000; ++run) {
    std::string altered = bytes;
    altered[random() % altered.size()] = static_cast<char>(random());
    grpc::ByteBuffer buffer = Cut(altered, {altered.size() / 2});
    ReceivedFrame frame;
    if (!frame.Decode(&buffer).ok()) continue;
    std::vector<char> out(frame.payload_bytes() + 1);
    frame.CopyTo(out.data());
  }
}

}  // namespace
}  // namespace gyre
