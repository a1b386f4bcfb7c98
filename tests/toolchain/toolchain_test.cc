#include <lzma.h>
#include <zlib.h>

#include <array>
#include <memory>
#include <string>

#include "Eigen/Dense"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "tests/toolchain/echo.grpc.pb.h"

namespace gyre::toolchain {
namespace {

class EchoService final : public Echo::Service {
  grpc::Status Once(grpc::ServerContext*, const Numbers* in, Numbers* out) override {
    *out = *in;
    return grpc::Status::OK;
  }
};

TEST(ToolchainTest, GrpcCallsOverLoopback) {
  EchoService service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  ASSERT_NE(server, nullptr);
  const auto stub = Echo::NewStub(
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  Numbers in, out;
  in.add_value(3);
  in.mutable_age()->set_seconds(4);
  grpc::ClientContext context;
  ASSERT_TRUE(stub->Once(&context, in, &out).ok());
  EXPECT_THAT(out.value(), testing::ElementsAre(3.0f));
  EXPECT_EQ(out.age().seconds(), 4);
  server->Shutdown();
}

TEST(ToolchainTest, EigenMultiplies) {
  const Eigen::MatrixXd a = Eigen::MatrixXd::Identity(5, 5) * 2;
  const Eigen::VectorXd x = Eigen::VectorXd::Ones(5);
  EXPECT_EQ((a * x).sum(), 10);
}

TEST(ToolchainTest, CompressionLibrariesLink) {
  EXPECT_EQ(std::string(zlibVersion()).substr(0, 1), "1");
  EXPECT_NE(lzma_version_number(), 0u);
}

// What the DSL computes at compile time exceeds both compilers' default limits.
TEST(ToolchainTest, ConstantEvaluationHasRoom) {
  constexpr auto kCount = [] {
    std::array<int, 4> a{};
    for (int i = 0; i < 600000; ++i) ++a[static_cast<size_t>(i % 4)];
    return a[0];
  }();
  EXPECT_EQ(kCount, 150000);
}

}  // namespace
}  // namespace gyre::toolchain
