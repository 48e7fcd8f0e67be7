# Sourced by ./run, ./test and scripts/format.sh, with the source tree as the working directory.

# hf_packages SECTION…: the packages of those sections, one a line.
hf_packages() {
  local section
  for section in "$@"; do
    sed -n "/^\[$section\]/,/^\[/p" deploy/packages.txt | sed -e 's/#.*//' -e '/^\[/d' -e 's/[[:space:]]//g' -e '/^$/d'
  done
}

# hf_setup SECTION…: afterwards they are installed. Asks apt only if something is missing.
hf_setup() {
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    echo "This is no Debian: take care yourself that what deploy/packages.txt lists is installed."
    return 0
  fi
  local package missing=()
  local present
  present=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p')
  for package in $(hf_packages "$@"); do
    grep -qxF "$package" <<<"$present" || missing+=("$package")
  done
  if [ ${#missing[@]} -eq 0 ]; then
    echo "All packages of deploy/packages.txt ($*) are installed."
    return 0
  fi
  echo "Installing ${#missing[@]} Debian packages: ${missing[*]}"
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "That needs root: run as root, or install sudo, or: apt-get install ${missing[*]}" >&2
      return 1
    fi
    root=(sudo)
  fi
  local apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0)
  "${apt[@]}" update </dev/null || return 1
  "${apt[@]}" install --no-install-recommends "${missing[@]}" </dev/null || return 1
}

# hf_web: afterwards the packages of web/ are there, as its lock file has them.
hf_web() {
  if ! command -v npm >/dev/null || ! node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)'; then
    echo "web/ needs Node 20 or later, with npm; this is $(node --version 2>/dev/null || echo 'no Node')." >&2
    return 1
  fi
  cmp -s web/package-lock.json web/node_modules/.installed && return
  (cd web && npm ci --ignore-scripts --no-progress </dev/null && cp package-lock.json node_modules/.installed)
}

# hf_build PRESET [TARGET…]: configures and builds it; without targets, all of it.
hf_build() {
  local preset=$1
  shift
  cmake --preset "$preset" --log-level=WARNING </dev/null >/dev/null || return 1
  cmake --build --preset "$preset" --parallel "$(nproc)" ${1:+--target "$@"}
}

# hf_cpp_files: all C++ files of ours.
hf_cpp_files() {
  find . \( -name build -o -name data -o -name node_modules -o -name .git \) -prune \
    -o \( -name '*.cpp' -o -name '*.h' \) -printf '%P\n' | sort
}
