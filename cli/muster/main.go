// Command muster keeps one incident board on every responder's laptop, with no server and no internet.
package main

import (
	"os"

	"muster/cli"
)

func main() { os.Exit(cli.Main()) }
