"""Stands in for @rules_java, which Bazel's own jdk package loads; the rules are native ones."""

java_binary = native.java_binary
java_import = native.java_import
java_library = native.java_library
java_runtime = native.java_runtime
java_toolchain = native.java_toolchain
