"""Compiles every case beside this file and compares the first error line with what it expects.

The first line of a case reads `// expect: TEXT`; the first line of the compiler's output that
says "error:" must contain TEXT. `// expect: compiles` wants no error at all.
Usage: run.py --include DIR [--cases DIR] COMPILER...
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PREFIX = "// expect: "


def compile_case(compiler, include, folder, case):
    command = [compiler, "-std=c++20", "-fsyntax-only", "-Wfatal-errors", f"-I{include}",
               "-include", str(folder / "ahead.hpp"), str(case)]
    done = subprocess.run(command, capture_output=True, text=True,
                          env=dict(os.environ, LC_ALL="C"))
    errors = [line for line in done.stderr.splitlines() if "error:" in line]
    return done.returncode, errors[0] if errors else ""


def precompile(compiler, include, folder):
    # Both compilers find the precompiled header beside the path given to -include.
    ahead = folder / "ahead.hpp"
    ahead.write_text('#include "tidemark/core/core.hpp"\n')
    subprocess.run([compiler, "-std=c++20", f"-I{include}", "-x", "c++-header", str(ahead),
                    "-o", f"{ahead}.gch"], check=True)


def same_spelling(text):
    # g++ writes `void*`, clang++ `void *`; nothing else differs inside a name.
    return re.sub(r"\s+(?=[*&>])", "", text)


def judge(expected, code, first_error):
    if expected == "compiles":
        return code == 0
    return code != 0 and same_spelling(expected) in same_spelling(first_error)


def run(compiler, include, cases):
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        precompile(compiler, include, folder)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            results = pool.map(lambda case: compile_case(compiler, include, folder, case), cases)
            for case, (code, first_error) in zip(cases, results):
                first_line = case.read_text().splitlines()[0]
                if not first_line.startswith(PREFIX):
                    sys.exit(f"{case}: the first line must begin with '{PREFIX}'")
                expected = first_line[len(PREFIX):]
                if not judge(expected, code, first_error):
                    failed += 1
                    print(f"{case.name} ({compiler}):\n  expected: {expected}\n"
                          f"  got:      {first_error or 'no error'}")
    print(f"{compiler}: {len(cases) - failed} of {len(cases)} cases give the expected first line")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--include", required=True, help="folder that holds tidemark/")
    parser.add_argument("--cases", type=pathlib.Path, default=HERE,
                        help="folder of the cases; this one if not given")
    parser.add_argument("compilers", nargs="+")
    options = parser.parse_args()
    cases = sorted(options.cases.glob("*.cpp"))
    if not cases:
        sys.exit(f"no cases in {options.cases}")
    failed = sum(run(compiler, options.include, cases) for compiler in options.compilers)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
