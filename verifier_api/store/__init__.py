"""What must be remembered: tables, migrations, and one hash-chained log from which everything else can be rebuilt."""
