package org.telltale.ui

import android.content.Intent
import android.net.VpnService
import android.os.Bundle
import org.telltale.R
import org.telltale.session.Watch

/** Says what will happen before the system asks for leave to run a VPN. */
class ConsentActivity : Page() {
    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        showPage(R.string.consent_title)
        addCard(getString(R.string.consent_vpn), getString(R.string.consent_vpn_text))
        addCard(getString(R.string.consent_local), getString(R.string.consent_local_text))
        addCard(getString(R.string.consent_recording), getString(R.string.consent_recording_text))
        addCard(getString(R.string.consent_one), getString(R.string.consent_one_text))
        showAction(R.string.consent_go, ::ask)
    }

    private fun ask() {
        val question = VpnService.prepare(this)
        if (question == null) begin() else open(question, ASK)
    }

    override fun onActivityResult(request: Int, result: Int, data: Intent?) {
        super.onActivityResult(request, result, data)
        if (request == ASK && result == RESULT_OK) begin()
    }

    private fun begin() {
        Watch.start(this)
        finish()
    }

    private companion object {
        const val ASK = 1
    }
}
