"""What a data owner sees and decides, for the owner's page and the command line alike."""
