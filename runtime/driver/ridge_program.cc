// The program of testing.h as a binary, for tests that need processes.
#include "runtime/driver/testing.h"

int main(int argc, char** argv) {
  return gyre::internal::Main(argc, argv, gyre::driver::testing::Ridge());
}
