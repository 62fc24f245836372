"""How capital is shared between the strategies: settings, and what a method asks for brought into its bounds."""
