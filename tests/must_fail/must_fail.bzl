"""must_fail_tests: programs that must not compile, and the words they must fail with."""

load("@rules_cc//cc:defs.bzl", "CcInfo")

def _headers_impl(ctx):
    headers = [dep[CcInfo].compilation_context.headers for dep in ctx.attr.deps]
    return [DefaultInfo(runfiles = ctx.runfiles(transitive_files = depset(transitive = headers)))]

# All headers that `deps` bring, as runfiles: a test that runs the compiler needs them.
cc_headers = rule(
    implementation = _headers_impl,
    attrs = {"deps": attr.label_list(providers = [CcInfo])},
)

def must_fail_tests(name, srcs, deps):
    """One test for each program, and the suite `name` of all of them.

    Each file says what is expected of it in comments:
        // EXPECT: GY001          words that the compiler's errors contain (one or more lines)
    and holds the slip and its repair, so that it fails for this reason alone:
        #ifdef FIXED
        ... compiles
        #else
        ... does not
        #endif

    Args:
      name: the suite.
      srcs: the programs.
      deps: the libraries whose headers they include.
    """
    cc_headers(
        name = name + "_headers",
        testonly = True,
        deps = deps,
    )
    tests = []
    for src in srcs:
        test = src[:-len(".cc")] + "_test"
        tests.append(test)
        native.sh_test(
            name = test,
            size = "medium",
            srcs = ["must_fail.sh"],
            args = [
                "$(rootpath %s)" % src,
                "$(CC)",
            ],
            data = [
                src,
                name + "_headers",
            ],
            toolchains = ["@bazel_tools//tools/cpp:current_cc_toolchain"],
        )
    native.test_suite(
        name = name,
        tests = tests,
    )
