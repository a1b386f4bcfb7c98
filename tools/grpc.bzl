"""cc_grpc_library: C++ service stubs for a proto_library, by the system's grpc_cpp_plugin."""

load("@rules_cc//cc:defs.bzl", "cc_library")

def _generate_impl(ctx):
    info = ctx.attr.proto[ProtoInfo]
    outputs = []
    for source in info.direct_sources:
        stem = source.basename[:-len(".proto")]
        for suffix in [".grpc.pb.h", ".grpc.pb.cc", "_mock.grpc.pb.h"]:
            outputs.append(ctx.actions.declare_file(stem + suffix))
    args = ctx.actions.args()
    args.add(ctx.executable._plugin, format = "--plugin=protoc-gen-grpc=%s")
    args.add("--grpc_out=generate_mock_code=true:" + ctx.bin_dir.path)
    args.add_all(info.transitive_proto_path, format_each = "-I%s")
    args.add_all(info.direct_sources)
    ctx.actions.run(
        arguments = [args],
        executable = ctx.executable._protoc,
        inputs = info.transitive_sources,
        mnemonic = "GrpcGenerate",
        outputs = outputs,
        tools = [ctx.executable._plugin],
    )
    return [DefaultInfo(files = depset(outputs))]

_generate = rule(
    implementation = _generate_impl,
    attrs = {
        "proto": attr.label(
            mandatory = True,
            providers = [ProtoInfo],
        ),
        "_plugin": attr.label(
            cfg = "exec",
            default = "@com_google_protobuf//:grpc_cpp_plugin",
            executable = True,
        ),
        "_protoc": attr.label(
            cfg = "exec",
            default = "@com_google_protobuf//:protoc",
            executable = True,
        ),
    },
)

def cc_grpc_library(name, proto, deps, **kwargs):
    """Service stubs of `proto`, as a cc_library; mocks come in NAME_mock.grpc.pb.h.

    Args:
      name: the cc_library.
      proto: a proto_library with services.
      deps: the cc_proto_library of `proto`.
      **kwargs: passed on to cc_library.
    """
    _generate(
        name = name + "_gen",
        proto = proto,
        visibility = ["//visibility:private"],
    )
    cc_library(
        name = name,
        srcs = [name + "_gen"],
        copts = ["-w"],
        deps = deps + ["@system//:grpc++"],
        **kwargs
    )
