package platform

import (
	"context"
	"fmt"
)

// ViewOfService asks the service manager what it lets a service see, with all that drop-ins change.
func ViewOfService(ctx context.Context, name string) (ServiceView, error) {
	out, err := systemctl(ctx, "show", "--property=ProtectSystem,ProtectHome,PrivateTmp,StateDirectory,CacheDirectory,LogsDirectory,RuntimeDirectory,"+
		"ReadOnlyPaths,ReadWritePaths,InaccessiblePaths,TemporaryFileSystem,BindReadOnlyPaths,BindPaths", name+".service")
	if err != nil {
		return ServiceView{}, fmt.Errorf("cannot ask for what the service %q sees: %w", name, err)
	}
	return ParseView(out), nil
}
