package cli

import (
	"bufio"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"muster/node/api"
)

// configBytesMax bounds DIR/config.
const configBytesMax = 64 << 10

// Forms of output.
const (
	outText  = "text"
	outJSON  = "json"
	outJSONL = "jsonl"
)

// settings are what every verb works with: flags, else MUSTER_*, else DIR/config, else the default.
type settings struct {
	dir      string
	output   string
	incident string
	yes      bool

	listen   netip.AddrPort   // of up: the one UDP socket; zero: any address, the usual port
	join     []netip.AddrPort // of up: where other nodes may answer
	discover bool             // of up: look for others on the links

	origin []setting // how each came about, for muster config
}

// A setting is one effective value and where it came from.
type setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Origin string `json:"origin"`
}

// resolve fills a.set from the flags of cmd, the environment and the file. It runs before every verb.
func (a *app) resolve(cmd *cobra.Command) error {
	s := settings{output: outText} // errors before it is known are text
	a.set = s
	find := func(name, env string, file map[string]string, fallback string) setting {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			return setting{name, f.Value.String(), "flag --" + name}
		}
		if v := a.Getenv(env); env != "" && v != "" {
			return setting{name, v, "environment " + env}
		}
		if v, ok := file[name]; ok {
			return setting{name, v, "file " + filepath.Join(s.dir, "config")}
		}
		return setting{name, fallback, "default"}
	}
	dir := find("dir", "MUSTER_DIR", nil, "")
	if dir.Value == "" {
		home, err := a.home()
		if err != nil {
			return err
		}
		dir.Value = home
	}
	abs, err := filepath.Abs(dir.Value)
	if err != nil {
		return err
	}
	dir.Value, s.dir = abs, abs
	file, err := readConfig(filepath.Join(s.dir, "config"))
	if err != nil {
		return err
	}
	output := find("output", "MUSTER_OUTPUT", file, outText)
	incident := find("incident", "MUSTER_INCIDENT", file, "")
	listen := find("listen", "MUSTER_LISTEN", file, "")
	join := find("join", "MUSTER_JOIN", file, "")
	if list, err := cmd.Flags().GetStringArray("join"); err == nil && len(list) > 0 {
		join.Value = strings.Join(list, ",")
	}
	discover := find("discover", "MUSTER_DISCOVER", file, "on")
	if f := cmd.Flags().Lookup("no-discover"); f != nil && f.Changed {
		discover = setting{"discover", "off", "flag --no-discover"}
	}

	switch output.Value {
	case outText, outJSON, outJSONL:
		s.output = output.Value
	default:
		return api.Errorf(api.CodeUsage, "one of text, json, jsonl", "there is no output %q (%s)", output.Value, output.Origin)
	}
	switch discover.Value {
	case "on", "off":
		s.discover = discover.Value == "on"
	default:
		return api.Errorf(api.CodeUsage, "on or off", "discover cannot be %q (%s)", discover.Value, discover.Origin)
	}
	for _, addr := range strings.FieldsFunc(join.Value, func(r rune) bool { return r == ',' || r == ' ' }) {
		ap, err := endpoint(addr, join.Origin)
		if err != nil {
			return err
		}
		s.join = append(s.join, ap)
	}
	if listen.Value != "" {
		if s.listen, err = endpoint(listen.Value, listen.Origin); err != nil {
			return err
		}
	}
	s.incident = incident.Value
	if f := cmd.Flags().Lookup("yes"); f != nil {
		s.yes = f.Value.String() == "true"
	}
	s.origin = []setting{dir, output, incident, listen, join, discover}
	a.set = s
	return nil
}

// endpoint reads an address and port. Names are not resolved: the name server may be what is down.
func endpoint(s, origin string) (netip.AddrPort, error) {
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		return ap, api.Errorf(api.CodeUsage, "write it as 192.0.2.7:7946 or [fe80::1%eth0]:7946; names are not looked up",
			"%q is not an address and port (%s)", s, origin)
	}
	return ap, nil
}

// home is the directory of a person's own node.
func (a *app) home() (string, error) {
	if d := a.Getenv("XDG_DATA_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "muster"), nil
	}
	if d := a.Getenv("HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, ".local", "share", "muster"), nil
	}
	return "", api.Errorf(api.CodeUsage, "say --dir DIR or set MUSTER_DIR", "there is no home directory to keep the node in")
}

// readConfig reads "key = value" lines; '#' starts a comment line. No file is an empty one.
func readConfig(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	out, err := parseConfig(bufio.NewScanner(f), path)
	return out, errors.Join(err, f.Close())
}

func parseConfig(in *bufio.Scanner, path string) (map[string]string, error) {
	out := map[string]string{}
	in.Buffer(nil, configBytesMax)
	for n := 1; in.Scan(); n++ {
		line := strings.TrimSpace(in.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch key {
		case "output", "incident", "listen", "join", "discover":
		default:
			ok = false
		}
		if !ok {
			return nil, api.Errorf(api.CodeUsage, `lines are "key = value"; keys: output, incident, listen, join, discover`,
				"%s line %d is not understood: %q", path, n, line)
		}
		out[key] = value
	}
	return out, in.Err()
}

// configCommand shows what is in effect.
func (a *app) configCommand() *cobra.Command {
	return &cobra.Command{
		Use: "config", Short: "show the effective settings and where each comes from", Args: none, GroupID: groupNode,
		RunE: func(*cobra.Command, []string) error {
			return a.print(a.set.origin, func(p *printer) {
				for _, s := range a.set.origin {
					value := s.Value
					if value == "" {
						value = "-"
					}
					p.linef("%s %s  (%s)", pad(s.Name, 9), value, s.Origin)
				}
			})
		},
	}
}
