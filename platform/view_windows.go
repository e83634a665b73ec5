package platform

import (
	"context"
	"errors"
)

// ViewOfService has no answer: on Windows the rights of the account of a service decide alone.
func ViewOfService(context.Context, string) (ServiceView, error) {
	return ServiceView{}, errors.ErrUnsupported
}
