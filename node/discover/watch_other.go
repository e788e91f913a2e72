//go:build !linux

package discover

import (
	"context"
	"errors"
)

// watchSystem reports that changes of interfaces are not told of here: they are polled for.
func watchSystem(context.Context, func(routes bool)) error {
	return errors.ErrUnsupported
}
