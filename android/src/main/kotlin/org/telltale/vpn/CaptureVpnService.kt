package org.telltale.vpn

import android.net.VpnService

/** Takes the phone's packets. */
class CaptureVpnService : VpnService()
