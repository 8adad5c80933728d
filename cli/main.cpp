#include "tidemark/cli/app.hpp"

/// The tool without an application: it speaks to running processes and reads stores. States need
/// the application's own program, which has the same verbs.
int main(int argc, char* argv[]) {
    const tidemark::cli::app tool;
    return tidemark::cli::main(tool, argc, argv);
}
