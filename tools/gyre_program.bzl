"""gyre_program: a program, its compiled plan, and a golden test of that plan.

    gyre_program(
        name = "lasso",
        srcs = ["lasso.cc"],
        data = "data/diabetes.csv",
    )

gives
    :lasso                   the program, with `data` as its default data
    :lasso.plan              lasso.plan.textproto, planned for `machine`, a machine description that
                             is checked in, so that the same sources give the same plan anywhere;
                             `bazel run :lasso.plan -- FLAGS` executes exactly that plan
    :lasso.explain           the plan as text, lasso.explain.txt (`bazel run` prints it)
    :lasso.plan_test         compares that text with plans/lasso.plan.golden
    :lasso.plan_test.update  accepts it: writes plans/lasso.plan.golden

so that a change of plan shows up in code review. What the rules ask of the program's command line:
    NAME plan --machine=FILE --out=FILE [--data=...] FLAGS    a pure function of its inputs
    NAME explain --plan=FILE --format=text --out=FILE         renders the file; reads no data
    NAME run --plan=FILE FLAGS
and in every command, that it adds the flags of DefaultFlags() (tools/default_flags.h) to those given:
what is given comes after them and wins, a given --data replaces all that describes the default data,
and their paths are looked for in the runfiles. The rules themselves give --data explicitly.
"""

load("@rules_cc//cc:defs.bzl", "cc_binary")
load("//tools:kernel_copts.bzl", "KERNEL_COPTS")

def _with_locations(flags, kind):
    """The flag templates with each {LABEL} as an expandable location."""
    return [flag.replace("{", "$(%s " % kind).replace("}", ")") for flag in flags]

def _default_flags_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".cc")
    flags = [
        ctx.expand_location(flag, ctx.attr.data).replace("\\", "\\\\").replace('"', '\\"')
        for flag in ctx.attr.flags
    ]
    ctx.actions.write(out, "\n".join(
        [
            "// Written by gyre_program; read through tools/default_flags.h.",
            'extern "C" const char* const gyre_default_flags[];',
            "const char* const gyre_default_flags[] = {",
        ] +
        ['    "%s",' % flag for flag in flags] +
        ["    nullptr};", ""],
    ))
    return [DefaultInfo(files = depset([out]))]

_default_flags = rule(
    implementation = _default_flags_impl,
    attrs = {
        "data": attr.label_list(allow_files = True),
        "flags": attr.string_list(),
    },
)

# Runs from anywhere: under `bazel run`, from another rule's runfiles, or by its path.
_WRAPPER = """#!/bin/bash
set -euo pipefail
for runfiles in "${{RUNFILES_DIR:-}}" "$0.runfiles" "$(readlink -f "$0").runfiles"; do
  [ ! -e "$runfiles/{workspace}/{needs}" ] || break
done
case "$runfiles" in /*) ;; *) runfiles=$PWD/$runfiles ;; esac
root=$runfiles/{workspace}
exec {command}
"""

def _wrapper(ctx, needs, command):
    script = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.write(
        script,
        _WRAPPER.format(
            command = command,
            needs = needs.short_path,
            workspace = ctx.workspace_name,
        ),
        is_executable = True,
    )
    return script

def _plan_impl(ctx):
    plan = ctx.actions.declare_file(ctx.label.name + ".textproto")
    args = ctx.actions.args()
    args.add("plan")
    args.add(ctx.file.machine, format = "--machine=%s")
    args.add(plan, format = "--out=%s")
    args.add_all([ctx.expand_location(flag, ctx.attr.data) for flag in ctx.attr.flags])
    ctx.actions.run(
        arguments = [args],
        executable = ctx.executable.program,
        inputs = ctx.files.data + [ctx.file.machine],
        mnemonic = "GyrePlan",
        outputs = [plan],
        progress_message = "Planning %s" % ctx.attr.program.label,
    )
    script = _wrapper(ctx, plan, '"$root/{program}" run --plan="$root/{plan}" "$@"'.format(
        plan = plan.short_path,
        program = ctx.executable.program.short_path,
    ))
    runfiles = ctx.runfiles(files = [plan, ctx.executable.program])
    return [DefaultInfo(
        executable = script,
        files = depset([plan]),
        runfiles = runfiles.merge(ctx.attr.program[DefaultInfo].default_runfiles),
    )]

_gyre_plan = rule(
    implementation = _plan_impl,
    attrs = {
        "data": attr.label_list(allow_files = True),
        "flags": attr.string_list(),
        "machine": attr.label(
            allow_single_file = True,
            mandatory = True,
        ),
        "program": attr.label(
            # The program as it will run; a second one for the build's own machine would be the same.
            cfg = "target",
            executable = True,
            mandatory = True,
        ),
    },
    executable = True,
)

def _explain_impl(ctx):
    text = ctx.actions.declare_file(ctx.label.name + ".txt")
    args = ctx.actions.args()
    args.add("explain")
    args.add(ctx.file.plan, format = "--plan=%s")
    args.add("--format=text")
    args.add(text, format = "--out=%s")
    ctx.actions.run(
        arguments = [args],
        executable = ctx.executable.program,
        inputs = [ctx.file.plan],
        mnemonic = "GyreExplain",
        outputs = [text],
        progress_message = "Explaining the plan of %s" % ctx.attr.program.label,
    )
    return [DefaultInfo(
        executable = _wrapper(ctx, text, 'cat "$root/%s"' % text.short_path),
        files = depset([text]),
        runfiles = ctx.runfiles(files = [text]),
    )]

_gyre_explain = rule(
    implementation = _explain_impl,
    attrs = {
        "plan": attr.label(
            allow_single_file = True,
            mandatory = True,
        ),
        "program": attr.label(
            cfg = "target",
            executable = True,
            mandatory = True,
        ),
    },
    executable = True,
)

def _data_flags(name, data):
    """The flag templates and the labels of one of `data` and `test_data`."""
    if not data:
        return [], []
    if type(data) == "dict":
        return ["--%s=%s{%s}" % (name, key + "=" if key else "", data[key]) for key in data], data.values()
    files = data if type(data) == "list" else [data]
    return ["--%s={%s}" % (name, file) for file in files], files

def gyre_program(
        name,
        srcs,
        data,
        test_data = None,
        flags = [],
        plan_flags = [],
        machine = "//tools:machine.textproto",
        deps = [],
        runtime_deps = [
            "//dsl",
            "//runtime/driver",
        ],
        copts = [],
        visibility = None,
        tags = [],
        **kwargs):
    """A program, its plan for a pinned machine, and the golden test of that plan.

    Args:
      name: the program.
      srcs: the program's file, with its main().
      data: the default data: a label, or a dict from the name of an input to its label; "" is the input
        without a name.
      test_data: held-out data, in the same way; the plan does not depend on it.
      flags: further flags the program has when the user gives none of that name.
      plan_flags: further flags of the compiled plan alone, such as pins or a number of workers.
      machine: the machine description that the plan is made for.
      deps: libraries of the program's own.
      runtime_deps: what gives it main()'s words; brings dsl/dsl.h along.
      copts: options of the compiler, beyond those for kernels.
      visibility: of all targets.
      tags: of all targets.
      **kwargs: passed on to cc_binary.
    """
    data_flags, labels = _data_flags("data", data)
    test_flags, test_labels = _data_flags("test_data", test_data)
    templates = data_flags + test_flags
    shipped = {label: None for label in labels + test_labels}.keys()

    _default_flags(
        name = name + "_default_flags",
        data = shipped,
        flags = _with_locations(templates, "rootpath") + flags,
        tags = tags,
        visibility = ["//visibility:private"],
    )
    cc_binary(
        name = name,
        srcs = srcs + [name + "_default_flags"],
        copts = KERNEL_COPTS + copts,
        data = shipped,
        tags = tags,
        visibility = visibility,
        deps = deps + runtime_deps,
        **kwargs
    )
    _gyre_plan(
        name = name + ".plan",
        data = shipped,
        flags = _with_locations(data_flags, "execpath") + flags + plan_flags,
        machine = machine,
        program = name,
        tags = tags,
        visibility = visibility,
    )
    _gyre_explain(
        name = name + ".explain",
        plan = name + ".plan",
        program = name,
        tags = tags,
        visibility = visibility,
    )

    golden = "plans/%s.plan.golden" % name
    checked_in = native.glob([golden])
    golden_args = [
        "%s/%s.explain.txt" % (native.package_name(), name),
        native.package_name() + "/" + golden,
        "//%s:%s.plan_test.update" % (native.package_name(), name),
    ]
    native.sh_test(
        name = name + ".plan_test",
        size = "small",
        srcs = ["//tools:golden.sh"],
        args = ["check"] + golden_args,
        data = [name + ".explain"] + checked_in,
        tags = tags,
        visibility = visibility,
    )
    native.sh_binary(
        name = name + ".plan_test.update",
        testonly = True,
        srcs = ["//tools:golden.sh"],
        args = ["update"] + golden_args,
        data = [name + ".explain"],
        tags = tags,
        visibility = visibility,
    )
