"""The learners that ship with the commons, one file each; a plan names one of them."""
