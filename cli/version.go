package cli

import "runtime/debug"

// A version is what muster version prints.
type version struct {
	Version string `json:"version"`
	Go      string `json:"go"`
}

// buildVersion reads what the linker recorded: the module's version, else the commit.
func buildVersion() version {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version{Version: "unknown"}
	}
	v := version{Version: info.Main.Version, Go: info.GoVersion}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (v.Version == "" || v.Version == "(devel)") {
			v.Version = cut(s.Value, 12)
		}
	}
	if v.Version == "" || v.Version == "(devel)" {
		v.Version = "devel"
	}
	return v
}
