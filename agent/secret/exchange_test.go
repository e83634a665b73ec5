package secret

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestMakingKeysEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	time.AfterFunc(10*time.Millisecond, cancel) // long before 4,096 bits are found, or before it is begun
	if _, _, err := NewExchangeKeys(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
}
