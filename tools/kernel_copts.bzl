"""Options for files that derived kernels are compiled in: those with a program.

Their elementwise loops are 1.2 to 1.5 times as fast in whole 64-byte registers where the machine has
them (//ops:simd_math_benchmark); rules of update and other loops over short or unaligned arrays are
up to 1.2 times as slow, hence not for everything.
"""

KERNEL_COPTS = ["-mprefer-vector-width=512"]
