"""The text of a policy that `paddock-agent init` fills in, for a person to read and mend."""

TEMPLATE = """\
# What this agent may buy. It is read at start; everything not allowed here is denied.
# Amounts are decimal strings in units of the asset ("2.50"), for each asset alike.

networks = [{networks}]          # chains, in CAIP-2 form

[limits]
per_call = "1.00"                # dearer than this is never paid
per_task = "5.00"                # all that one --task may ever spend
per_day = "20.00"                # in any 24 hours
# per_session = "10.00"          # in one run of the agent, or in what PADDOCK_AGENT_SESSION names
# per_domain = "10.00"           # to one host, in any 24 hours
# in_all = "500.00"              # ever
validity_seconds = 300           # a signed authorization never lives longer
metered_seconds = 60             # one for a metered call, which leaves the amount open, not even so long
price_rise_percent = 20          # above the lowest price paid before, a person is asked
retries = 4                      # how often the same signed bytes are sent again
patience_seconds = 60            # and for how long in all

[approval]
above = "0.50"                   # dearer purchases wait for a person
valid_minutes = 30
standing_days = 0                # for how long a person may say "always" at most; 0: each purchase is asked about
# Whose signature counts: an address, never the agent's own; "" is nobody's.
approver = "{approver}"

[standing]
least_rating = 0                 # of 100; below it a person is asked, for what has reviews whose payment was checked
least_reviews = 0                # with fewer of them a person is asked
registries = [{registries}]      # reputation registries that `paddock-agent review` may call, and pay the gas for

# [hours]                        # when it may buy; it may pass midnight
# from = "08:00"
# to = "18:00"
# zone = "Europe/Vienna"

[privacy]
found = "ask"                    # personal data in a request: refuse, ask a person, or redact it and go on

# Where `paddock-agent transfer` may send money: nowhere without these.
# [[transfers]]
# to = "0x…"
# per_day = "5.00"               # of each asset, in any 24 hours

# What a signer of its own lets chain transactions (transfer, allow, cancel) cost: nothing without this.
# [signer]
# gas_per_day = "0.01"           # of each chain's own coin, in any 24 hours

# The tokens it may pay in: check address and decimals against the issuer's own page.
{assets}
# Whom it may pay: the exact origin, the paths (* one segment, ** any rest), the recipients ([] is the first one
# seen on each route), the contracts that a DELEGATE payment may set off, who may say what a metered call cost, and the
# executors that may pay and act in one chain transaction.
{merchants}"""

ASSET_TEMPLATE = """\
[[assets]]
network = "{network}"
address = "{address}"
name = {name}                    # the token's EIP-712 domain
version = {version}
decimals = {decimals}
symbol = {symbol}
"""

MERCHANT_TEMPLATE = """\
[[merchants]]
origin = "{origin}"
routes = [{routes}]
modes = [{modes}]
pay_to = [{pay_to}]
callbacks = [{callbacks}]
facilitators = [{facilitators}]
executors = [{executors}]
personal = []                    # fields that may hold personal data, such as "query.q" or "body.email"
inside = {inside}                # true: within your own network, at a private address and without TLS
# per_call = "0.20"              # limits for this seller alone
# per_day = "5.00"
# capabilities = ["signal"]      # tags: what its discovery lists with one of them is allowed beside the routes
# least_rating = 60              # checked standing of this seller alone; agent_id pins who it is by ERC-8004
# signed_offers = true           # its receipt key, pinned when it was first asked, must have signed the terms
# schemes = ["exact"]            # of exact, upto and delegate; all three without it
# What else those contracts may do, beside what they do by themselves for the payer:
# [[merchants.actions]]
# contract = "0x…"
# functions = ["mintTo(address)"]
"""
