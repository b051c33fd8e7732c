// Command anteroom lets unmodified XMPP clients enter MIMI rooms. Each subcommand is a struct with a Run method in a file of its own;
// this file only lists them.
//
// Exit status: 0 when all went well; 1, with what is wrong on standard error, when the configuration is bad or the command failed;
// 80 when the command line is wrong.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"

	"anteroom/config"
)

type commands struct {
	Serve       serveCommand       `cmd:"" help:"Run the gateway."`
	CheckConfig checkConfigCommand `cmd:"" name:"check-config" help:"Check a configuration and say what it means."`
	Config      configCommand      `cmd:"" help:"About the configuration file."`
	Room        roomCommand        `cmd:"" help:"Look at the rooms of a running gateway, make some, or destroy one."`
	Announce    announceCommand    `cmd:"" help:"Tell all who are in a room something, in the room's name."`
	Ban         banCommand         `cmd:"" help:"Ban users and domains from all rooms of a running gateway, or lift a ban."`
	Policy      policyCommand      `cmd:"" help:"Ask a running gateway what a room's policy makes of something."`
	Client      clientCommand      `cmd:"" help:"Take part in rooms as a MIMI user, without XMPP."`
	CA          caCommand          `cmd:"" name:"ca" help:"Certificates for providers that trust each other."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
}

func main() {
	var c commands
	k := kong.Parse(&c, kong.Name("anteroom"), kong.Description("A gateway between XMPP multi-user chat and MIMI rooms."), kong.ShortUsageOnError())
	k.FatalIfErrorf(k.Run())
}

// software is what XEP-0092 and `anteroom version` tell.
const software = "anteroom"

// version is set by the linker for a release: -ldflags "-X main.version=1.2.3".
var version = "development"

type versionCommand struct{}

func (versionCommand) Run() error {
	fmt.Printf("%s %s %s %s/%s\n", software, fullVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

// fullVersion adds the revision, where the build knows it.
func fullVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return version + "-" + s.Value[:12]
			}
		}
	}
	return version
}

// configFile is the flag that every command with a configuration has.
type configFile struct {
	Config string `type:"path" placeholder:"FILE" default:"/etc/anteroom/anteroom.toml" help:"Configuration file (TOML), ${default} if not given; see anteroom config example."`
}

func (f *configFile) load() (*config.Config, error) { return config.Load(f.Config, os.Environ()) }

type configCommand struct {
	Example configExampleCommand `cmd:"" help:"Print a complete configuration with its documentation."`
}

type configExampleCommand struct{}

func (configExampleCommand) Run() error { return config.Example(os.Stdout) }

type checkConfigCommand struct{ configFile }

// Run says nothing that is secret. It connects to nothing.
func (c *checkConfigCommand) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if err := checkStore(&cfg.Store); err != nil {
		return err
	}
	fmt.Printf("%s is good.\n", c.Config)
	fmt.Printf("component  %s at %s:%d\n", cfg.Component.Domain, cfg.Component.Host, cfg.Component.Port)
	if cfg.Federated() {
		fmt.Printf("provider   %s, HTTPS on %s\n", cfg.Provider.Domain, cfg.Provider.Listen)
	} else {
		fmt.Printf("provider   %s, without HTTPS\n", cfg.Provider.Domain)
	}
	fmt.Printf("store      %s, sealed with %s\n", cfg.Store.Redacted(), cfg.Store.KeyFile)
	fmt.Printf("admin      %s\n", cfg.Admin.Socket)
	if len(cfg.Admin.Admins) > 0 {
		fmt.Printf("operators  %s\n", strings.Join(cfg.Admin.Admins, " "))
	}
	return nil
}
