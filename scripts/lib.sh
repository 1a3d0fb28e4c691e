# What the scripts share: finding out what is missing, and installing it. It is sourced
# by bash scripts that run in the repository's root.

# have NAME: is there a program of this name?
have() { command -v "$1" >/dev/null 2>&1; }

# die LINE...: say what is wrong, and end.
die() {
	printf '%s\n' "$@" >&2
	exit 1
}

# as_root COMMAND...: run it as root, which may ask for a password.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif have sudo; then
		sudo "$@"
	else
		die "this needs root: $*" "run it as root, then run this again"
	fi
}

# install_packages NAME...: install packages, by the names that the system has for them.
install_packages() {
	if have apt-get; then
		as_root apt-get update -q
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
	elif have dnf; then
		as_root dnf install -y "$@"
	elif have pacman; then
		as_root pacman -Sy --noconfirm "$@"
	elif have apk; then
		as_root apk add "$@"
	elif have brew; then
		brew install "$@"
	else
		die "no package manager that this knows (apt-get, dnf, pacman, apk, brew)" "please install by hand: $*"
	fi
}

# need_go: Go 1.21 and later fetch the release that go.work asks for by themselves.
need_go() {
	have go || die "Go is not installed" "get it from https://go.dev/dl/ (1.21 or later; it fetches the release it needs by itself)"
	local version
	version=$(cd / && go env GOVERSION) # outside of the workspace, which old releases can't read
	case $version in
	go1.[0-9] | go1.[0-9].* | go1.1[0-9] | go1.1[0-9].* | go1.20 | go1.20.*)
		die "this is $version, which is too old" "get 1.21 or later from https://go.dev/dl/" ;;
	esac
}

# need_ffmpeg: ffmpeg and ffprobe, installed where they are missing.
need_ffmpeg() {
	if have ffmpeg && have ffprobe; then
		return
	fi
	echo "ffmpeg is missing: installing it"
	if have dnf; then
		# The name in Fedora's own repositories, and in EPEL.
		install_packages ffmpeg-free
	else
		install_packages ffmpeg
	fi
	have ffmpeg && have ffprobe || die "ffmpeg was installed, but is not in PATH: $PATH"
}
