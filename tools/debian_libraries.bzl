"""Turns pkg-config packages of the system into one repository of cc_library targets.

Headers under /usr/include are built-in include paths of the compiler, so a target is little more
than link flags; asking pkg-config keeps them right where a list by hand breaks. Packages whose
headers live in a folder of their own (Eigen) are linked into the repository and put on the system
include path, which also keeps their warnings out of first-party builds.
"""

_TARGET = """cc_library(
    name = "{name}",
    hdrs = glob({globs}),
    includes = {includes},
    linkopts = {linkopts},
    deps = {deps},
)
"""

# pkg-config package -> folder of its headers under /usr/include.
_OWN_FOLDER = {"eigen3": "eigen3"}

def _pkg_config(rctx, mode, packages):
    if not packages:
        return []
    result = rctx.execute(["pkg-config", mode] + packages)
    if result.return_code != 0:
        fail("pkg-config %s: %s./bazelw installs what is missing." %
             (" ".join(packages), result.stderr))

    # The last occurrence of a repeated library is the one a linker needs.
    words = [w for w in result.stdout.strip().split(" ") if w]
    seen = {}
    kept = []
    for word in reversed(words):
        if word not in seen or word.startswith("-Wl,"):
            seen[word] = True
            kept.append(word)
    return reversed(kept)

def _impl(rctx):
    parts = ['package(default_visibility = ["//visibility:public"])\n']
    for name, packages in rctx.attr.libraries.items():
        folders = [_OWN_FOLDER[p] for p in packages if p in _OWN_FOLDER]
        for folder in folders:
            rctx.symlink("/usr/include/" + folder, folder)
        parts.append(_TARGET.format(
            name = name,
            globs = repr([folder + "/**" for folder in folders]),
            includes = repr(folders),
            linkopts = repr(_pkg_config(rctx, "--libs", packages) +
                            rctx.attr.extra_linkopts.get(name, [])),
            deps = repr(rctx.attr.also_needs.get(name, [])),
        ))
    rctx.file("BUILD", "\n".join(parts))

debian_libraries = repository_rule(
    implementation = _impl,
    attrs = {
        "extra_linkopts": attr.string_list_dict(doc = "Target -> link flags pkg-config does not know."),
        "libraries": attr.string_list_dict(
            doc = "Target -> the pkg-config packages it stands for.",
            mandatory = True,
        ),
        "also_needs": attr.string_list_dict(doc = "Target -> targets it needs."),
    },
    configure = True,
    environ = ["PKG_CONFIG_PATH"],
)
