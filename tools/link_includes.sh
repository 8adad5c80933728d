#!/bin/sh
# Makes BUILD/include/tidemark a link to the source root, so that "tidemark/core/ids.hpp" names the
# same file in the tree and when installed.
set -eu
mkdir -p "$2/include"
ln -sfn "$1" "$2/include/tidemark"
