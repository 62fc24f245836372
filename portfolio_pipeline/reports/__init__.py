"""What people look at: back-test reports and their pages, pictures, tables of rows. No figure is computed here."""
