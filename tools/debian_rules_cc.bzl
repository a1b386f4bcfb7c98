"""Debian 12's bazel-rules-cc 0.0.4, made loadable by Debian 12's own Bazel 4.2.3.

0.0.4 loads `use_cpp_toolchain`, which Bazel's toolchain_utils.bzl gained only in 5.x. The files
are linked as they are but for two, in which that name is replaced by what it stood for.
"""

_LINKED = [
    "BUILD",
    "cc/BUILD",
    "cc/action_names.bzl",
    "cc/cc_toolchain_config_lib.bzl",
    "cc/defs.bzl",
    "cc/find_cc_toolchain.bzl",
    "cc/private/rules_impl/BUILD",
    "cc/private/rules_impl/cc_flags_supplier_lib.bzl",
    "cc/private/rules_impl/native.bzl",
    "cc/toolchain_utils.bzl",
]

_PATCHED = [
    "cc/private/rules_impl/cc_flags_supplier.bzl",
    "cc/private/rules_impl/compiler_flag.bzl",
]

def _impl(rctx):
    for name in _LINKED:
        rctx.symlink(rctx.path(rctx.attr.path + "/" + name), name)
    for name in _PATCHED:
        text = rctx.read(rctx.attr.path + "/" + name)
        text = text.replace(', "use_cpp_toolchain"', "")
        text = text.replace("use_cpp_toolchain()", '["@bazel_tools//tools/cpp:toolchain_type"]')
        rctx.file(name, text)
    rctx.file("WORKSPACE", "workspace(name = \"rules_cc\")\n")

debian_rules_cc = repository_rule(
    implementation = _impl,
    attrs = {"path": attr.string(default = "/usr/share/bazel/rules/cc")},
    local = True,
)
