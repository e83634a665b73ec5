package entity

// SubscriptionScanMode is the fixed id of the reserved scan mode without a cron.
const SubscriptionScanMode = "subscription"

// ScanMode says when something runs.
type ScanMode struct {
	Audit
	Name        string  `json:"name"`
	Description *string `json:"description"`
	Cron        string  `json:"cron"`
}

// IPFilter is an address, with * as wildcard, that may use the page and the forward proxy.
type IPFilter struct {
	Audit
	Address     string  `json:"address"`
	Description *string `json:"description"`
}

// Certificate is a generated self-signed certificate. PrivateKey is a sealed PEM text.
type Certificate struct {
	Audit
	Name        string  `json:"name"`
	Description *string `json:"description"`
	PublicKey   string  `json:"publicKey"`
	PrivateKey  string  `json:"privateKey"`
	Certificate string  `json:"certificate"`
	Expiry      string  `json:"expiry"`
}

// User is a local user of the admin page. PasswordHash is an argon2id text.
type User struct {
	Audit
	Login        string  `json:"login"`
	PasswordHash string  `json:"passwordHash"`
	FirstName    *string `json:"firstName"`
	LastName     *string `json:"lastName"`
	Email        *string `json:"email"`
	Language     string  `json:"language"`
	Timezone     string  `json:"timezone"`
}

// StandardTransformer gives a standard transformer, known by its function name, the id under which it is referred to.
type StandardTransformer struct {
	ID       string `json:"id"`
	Function string `json:"functionName"`
}
