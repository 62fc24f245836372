"""What people look at: back-test reports and their pages, pictures. No figure is computed here."""
