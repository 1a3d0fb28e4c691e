package boot

import "runtime/debug"

// version is set when a release is built: -ldflags "-X …/pkg/boot.version=v1.2.3".
var version = ""

// Version returns this build's version, or "dev" with the commit where it was built
// from a checkout. It is for people: no key depends on it.
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "dev-" + s.Value[:12]
		}
	}
	return "dev"
}
