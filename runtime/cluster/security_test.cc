#include "runtime/cluster/security.h"

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "runtime/cluster/stream.h"

namespace gyre {
namespace {

using ::testing::HasSubstr;

TEST(Address, Parses) {
  EXPECT_EQ(ParseAddress("127.0.0.1:80")->port, 80);
  EXPECT_EQ(ParseAddress("host.name:0")->host, "host.name");
  EXPECT_EQ(ParseAddress("[::1]:7")->host, "::1");
  for (const char* bad : {"", "host", ":80", "host:", "host:x", "host:70000", "host:-1"}) {
    const auto parsed = ParseAddress(bad);
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_THAT(std::string(parsed.status().message()), HasSubstr("HOST:PORT"));
  }
}

TEST(Address, Loopback) {
  for (const char* host : {"127.0.0.1", "127.9.9.9", "::1", "localhost"}) {
    EXPECT_TRUE(IsLoopback(host)) << host;
  }
  for (const char* host : {"0.0.0.0", "10.0.0.1", "::", "host", "128.0.0.1", "localhost.evil"}) {
    EXPECT_FALSE(IsLoopback(host)) << host;
  }
}

TEST(Rules, BeyondLoopbackEverythingOrInsecure) {
  SecurityOptions options;
  EXPECT_TRUE(CheckSecurity("127.0.0.1", options).ok());
  EXPECT_FALSE(CheckSecurity("10.0.0.1", options).ok());
  options.certificate_file = "c";
  EXPECT_FALSE(CheckSecurity("127.0.0.1", options).ok());  // half of TLS is a mistake anywhere
  options.key_file = "k";
  options.authority_file = "a";
  EXPECT_TRUE(CheckSecurity("127.0.0.1", options).ok());
  EXPECT_FALSE(CheckSecurity("10.0.0.1", options).ok());  // no token
  options.token = "t";
  EXPECT_TRUE(CheckSecurity("10.0.0.1", options).ok());
  SecurityOptions insecure;
  insecure.insecure = true;
  EXPECT_TRUE(CheckSecurity("10.0.0.1", insecure).ok());
}

TEST(Token, IsLongAndNeverTheSame) {
  const std::string a = RandomToken(), b = RandomToken();
  EXPECT_EQ(a.size(), 64u);
  EXPECT_NE(a, b);
}

TEST(Tls, UnreadableFileIsNamed) {
  SecurityOptions options{"t", "/no/cert.pem", "/no/key.pem", "/no/ca.pem", false};
  EXPECT_THAT(std::string(ServerSecurity(options).status().message()), HasSubstr("/no/cert.pem"));
  EXPECT_THAT(std::string(ClientSecurity(options).status().message()), HasSubstr("/no/cert.pem"));
}

// A throw-away authority and one certificate signed by it, made by the openssl tool.
class Certificates {
 public:
  Certificates() {
    char name[] = "/tmp/gyre-tls-XXXXXX";
    folder_ = mkdtemp(name);
    const std::string command = absl::StrCat(
        "cd ", folder_,
        " && exec >/dev/null 2>&1 && "
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout ca.key "
        "-out ca.pem && "
        "openssl req -newkey rsa:2048 -nodes -subj /CN=gyre -keyout key.pem -out req.pem && "
        "printf 'subjectAltName=IP:127.0.0.1,DNS:localhost' > ext && "
        "openssl x509 -req -in req.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
        "-extfile ext -out cert.pem");
    made_ = std::system(command.c_str()) == 0;
  }
  ~Certificates() {
    if (std::system(absl::StrCat("rm -rf ", folder_).c_str()) != 0) ADD_FAILURE();
  }
  bool made() const { return made_; }
  SecurityOptions Options() const {
    return {"t", folder_ + "/cert.pem", folder_ + "/key.pem", folder_ + "/ca.pem", false};
  }

 private:
  std::string folder_;
  bool made_ = false;
};

TEST(Tls, BothSidesShowCertificates) {
  Certificates certificates;
  if (!certificates.made()) GTEST_SKIP() << "no openssl here";
  const auto server_side = ServerSecurity(certificates.Options());
  ASSERT_TRUE(server_side.ok()) << server_side.status();
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", *server_side, &port);
  ExchangeService service([](grpc::ServerContext*, FrameStream*) { return grpc::Status::OK; });
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  ASSERT_NE(server, nullptr);
  const auto connects = [port](const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    return grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), credentials)
        ->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(2));
  };
  const auto client_side = ClientSecurity(certificates.Options());
  ASSERT_TRUE(client_side.ok()) << client_side.status();
  EXPECT_TRUE(connects(*client_side));
  EXPECT_FALSE(connects(grpc::InsecureChannelCredentials()));
}

}  // namespace
}  // namespace gyre
