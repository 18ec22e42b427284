"""Many runs and one figure: what every reproduced table and figure goes through."""
