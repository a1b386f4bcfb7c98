#include "runtime/data/testing.h"

#include <lzma.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace gyre::testing {
namespace {

template <class T>
std::vector<std::vector<double>> CellsAs(const Block& b) {
  std::vector<std::vector<double>> out(static_cast<size_t>(b.rows),
                                       std::vector<double>(static_cast<size_t>(b.cols)));
  if (b.format == Format::kDense) {
    for (int64_t r = 0; r < b.rows; ++r) {
      for (int64_t c = 0; c < b.cols; ++c) {
        out[static_cast<size_t>(r)][static_cast<size_t>(c)] =
            static_cast<double>(b.data<T>()[r * b.stride + c]);
      }
    }
    return out;
  }
  const bool csr = b.format == Format::kCsr;
  for (int64_t j = 0; j < (csr ? b.rows : b.cols); ++j) {
    for (int64_t i = b.offset[j]; i < b.offset[j + 1]; ++i) {
      const size_t row = static_cast<size_t>(csr ? j : b.index[i]);
      const size_t col = static_cast<size_t>(csr ? b.index[i] : j);
      out.at(row).at(col) = static_cast<double>(b.data<T>()[i]);
    }
  }
  return out;
}

}  // namespace

std::string WriteFile(const std::string& name, const std::string& content) {
  static int count = 0;
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::filesystem::path folder =
      std::filesystem::path(::testing::TempDir()) /
      absl::StrCat(test->test_suite_name(), ".", test->name(), ".", ++count);
  std::filesystem::create_directories(folder);
  const std::string path = folder / name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

std::string Gzip(const std::string& content) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(content.size() + 1024, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  z.avail_in = static_cast<uInt>(content.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

std::string Xz(const std::string& content) {
  std::string out(content.size() + 1024, '\0');
  size_t size = 0;
  EXPECT_EQ(lzma_easy_buffer_encode(
                6, LZMA_CHECK_CRC64, nullptr, reinterpret_cast<const uint8_t*>(content.data()),
                content.size(), reinterpret_cast<uint8_t*>(out.data()), &size, out.size()),
            LZMA_OK);
  out.resize(size);
  return out;
}

std::vector<std::vector<double>> Cells(const Block& block) {
  switch (block.type) {
    case Type::kFloat32:
      return CellsAs<float>(block);
    case Type::kInt32:
      return CellsAs<int32_t>(block);
    case Type::kFloat64:
      break;
  }
  return CellsAs<double>(block);
}

std::string NpyFile(const std::string& descr, bool fortran, const std::string& shape,
                    const std::string& data) {
  std::string header =
      absl::StrCat("{'descr': '", descr, "', 'fortran_order': ", fortran ? "True" : "False",
                   ", 'shape': ", shape, ", }");
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  const char length[] = {static_cast<char>(header.size() & 0xff),
                         static_cast<char>(header.size() >> 8)};
  return absl::StrCat("\x93NUMPY", absl::string_view("\x01\x00", 2), absl::string_view(length, 2),
                      header, data);
}

std::string IdxFile(int code, const std::vector<int>& shape, const std::string& data) {
  std::string out = {0, 0, static_cast<char>(code), static_cast<char>(shape.size())};
  for (const int extent : shape) {
    for (int shift = 24; shift >= 0; shift -= 8)
      out.push_back(static_cast<char>(extent >> shift & 0xff));
  }
  return out + data;
}

}  // namespace gyre::testing
