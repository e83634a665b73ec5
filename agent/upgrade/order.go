package upgrade

import (
	"encoding/json"
	"fmt"
	"strings"

	"oibus/launcher/release"
)

// maxAssetID bounds the identifier of a release, which becomes part of a URL.
const maxAssetID = 512

// order is what an update-version asks for (protocol/control-plane.md, section 5.1).
type order struct {
	id             string // of the command
	version        string // without a leading v
	asset          string
	updateLauncher bool
	backupFolders  string
}

// parseOrder reads the content of a command in the form in which it is stored.
func parseOrder(id string, content json.RawMessage) (order, error) {
	var c struct {
		Version        *string `json:"version"`
		AssetID        *string `json:"assetId"`
		UpdateLauncher *bool   `json:"updateLauncher"`
		BackupFolders  *string `json:"backupFolders"`
	}
	if err := json.Unmarshal(content, &c); err != nil {
		return order{}, fmt.Errorf("the content of the command is not understood: %w", err)
	}
	o := order{id: id, backupFolders: value(c.BackupFolders), updateLauncher: c.UpdateLauncher != nil && *c.UpdateLauncher}
	switch {
	case value(c.Version) == "":
		return o, fmt.Errorf(`"version" is required`)
	case value(c.AssetID) == "":
		return o, fmt.Errorf(`"assetId" is required`)
	case len(*c.AssetID) > maxAssetID:
		return o, fmt.Errorf(`"assetId" has %d bytes, at most %d are accepted`, len(*c.AssetID), maxAssetID)
	}
	v, err := release.ParseVersion(*c.Version)
	if err != nil {
		return o, err
	}
	o.version, o.asset = v.String(), *c.AssetID
	if plain := strings.TrimPrefix(*c.Version, "v"); plain != o.version {
		return o, fmt.Errorf("%q is not a version such as 3.9.0", *c.Version)
	}
	return o, nil
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
